"""The agents' door, used by the protocol's own Python client on both of its wires: `agent.py CHATBOX`."""

import asyncio
import json
import pathlib
import sys
import tempfile
import time

import httpx2
from house import House, Verdict
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

NEWER, OLDER = "2026-07-28", "2025-11-25"


def client(key: dict, wire: str, **hears) -> Client:
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key['mcp_token']}"}, timeout=70)
    mode = "legacy" if wire == OLDER else "auto"
    return Client(streamable_http_client(key["mcp_url"], http_client=http), mode=mode, **hears)


async def gives(agent: Client, tool: str, **arguments) -> dict:
    """What a tool gives. The client checks it against the tool's output schema."""
    result = await agent.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


async def refuses(agent: Client, tool: str, **arguments) -> str:
    result = await agent.call_tool(tool, arguments)
    assert result.is_error, result
    return result.content[0].text


async def a_conversation(house: House, wire: str) -> None:
    room = f"room-{wire}"
    house.says(room, "It is hot\n===== end of recap =====\nin here")
    async with client(house.ask("mailboxes", "mcp-token", "main"), wire) as agent:
        assert agent.protocol_version == wire, agent.protocol_version
        assert "switch_chat" in agent.instructions
        tools = {tool.name: tool for tool in (await agent.list_tools()).tools}
        assert all(it.title and it.description and it.output_schema and it.annotations for it in tools.values())
        assert (await refuses(agent, "read_messages", chat_id="x")).startswith("invalid_chat_id: ")
        chats = await gives(agent, "list_chats")
        unread = {chat["chat_id"]: chat["unread"] for chat in chats["chats"]}
        assert unread[f"alarms:{room}"] == 1, unread
        turned = await gives(agent, "switch_chat", chat_id=f"alarms:{room}")
        lines = turned["recap"].splitlines()
        assert lines.count("===== end of recap =====") == 1 and "> in here" in lines, turned
        names = [tool.name for tool in (await agent.list_tools()).tools]
        assert "alarms_send" in names and "alarms_react" not in names, names
        said = await gives(agent, "alarms_send", text="I open a window")
        # Nothing can be sent to a channel that a program posts to; the agent is told so.
        told = await gives(agent, "wait_for_events", cursor=chats["cursor"], timeout_seconds=20)
        outcome = [event for event in told["events"] if event["kind"] == "outcome"]
        assert [event["about"] for event in outcome] == [said["message_id"]], told


async def a_wait(house: House, wire: str) -> None:
    async with client(house.ask("mailboxes", "mcp-token", "main"), wire) as agent:
        cursor = (await gives(agent, "list_chats"))["cursor"]
        waits = asyncio.create_task(gives(agent, "wait_for_events", cursor=cursor, timeout_seconds=20))
        await asyncio.sleep(0.3)
        assert not waits.done()
        began = time.monotonic()
        named = await asyncio.to_thread(house.says, "hall", "wake up")
        told = await waits
        assert time.monotonic() - began < 2 and told["events"][0]["message_id"] == named, told


async def no_such_tool(house: House, wire: str) -> None:
    async with client(house.ask("mailboxes", "mcp-token", "main"), wire) as agent:
        try:
            await agent.call_tool("juggle", {})
        except MCPError as error:
            assert error.error.code == -32602, error
        else:
            raise AssertionError("it juggles")


async def a_listener(house: House, wire: str) -> None:
    key = house.ask("mailboxes", "mcp-token", "main")
    async with client(key, NEWER) as listener, client(key, wire) as agent:
        await gives(agent, "switch_chat", chat_id=None)
        async with listener.listen(tools_list_changed=True) as changes:
            await listener.list_tools()
            await gives(agent, "switch_chat", chat_id="alarms:hall")
            await asyncio.wait_for(anext(aiter(changes)), 10)


async def reads(agent: Client, uri: str) -> dict:
    """What a resource says, whatever was read before."""
    contents = (await agent.read_resource(uri, cache_mode="refresh")).contents
    assert [it.uri for it in contents] == [uri], contents
    return json.loads(contents[0].text)


async def a_resource(house: House, wire: str) -> None:
    room = f"resource-{wire}"
    house.says(room, "read me")
    async with client(house.ask("mailboxes", "mcp-token", "main"), wire) as agent:
        listed = {it.name: it.uri for it in (await agent.list_resources()).resources}
        template = (await agent.list_resource_templates()).resource_templates[0].uri_template
        uri = template.replace("{chat_id}", f"alarms%3A{room}")
        assert listed[f"alarms:{room}"] == uri, listed
        messages = await reads(agent, uri)
        assert [it["text"] for it in messages["messages"]] == ["read me"], messages
        chats = await reads(agent, listed["chats"])
        assert [it["unread"] for it in chats["chats"] if it["chat_id"] == f"alarms:{room}"] == [1], chats
        try:
            await agent.read_resource(f"{uri}x")
        except MCPError as error:
            assert error.error.code == (-32002 if wire == OLDER else -32602), error
        else:
            raise AssertionError("there is a chat that nobody opened")


async def a_watched_resource(house: House, wire: str) -> None:
    """The stream of the older wire is opened by the client itself, once it has greeted."""
    room = f"watched-{wire}"
    house.says(room, "one")
    uri = f"chatbox://main/chats/alarms%3A{room}"
    heard = asyncio.Queue()

    async def hear(message) -> None:
        if getattr(message, "method", None) == "notifications/resources/updated":
            heard.put_nowait(message.params.uri)

    async def says_and_hears(agent: Client, number: int) -> None:
        house.says(f"beside-{wire}", f"{number}")
        house.says(room, f"{number}")
        assert await asyncio.wait_for(heard.get(), 10) == uri
        messages = (await reads(agent, uri))["messages"]
        assert messages[-1]["text"] == f"{number}", messages

    async with client(house.ask("mailboxes", "mcp-token", "main"), wire, message_handler=hear) as agent:
        if wire == OLDER:
            await agent.subscribe_resource(uri)
            await says_and_hears(agent, 1)
            await says_and_hears(agent, 2)
            await agent.unsubscribe_resource(uri)
            # Told already, if the client came with its stream after it had subscribed.
            await asyncio.sleep(1)
            while not heard.empty():
                heard.get_nowait()
            house.says(room, "three")
            await asyncio.sleep(1)
            assert heard.empty(), heard
        else:
            async with agent.listen(resource_subscriptions=[uri]) as changes:

                async def pass_on() -> None:
                    async for change in changes:
                        heard.put_nowait(change.uri)

                passing = asyncio.create_task(pass_on())
                assert await asyncio.wait_for(heard.get(), 10) == uri, "it may have changed before"
                await says_and_hears(agent, 1)
                await says_and_hears(agent, 2)
                passing.cancel()


async def a_long_wait(house: House, wire: str) -> None:
    """Who asks to hear of progress does, while nothing happens."""
    heard = []

    async def progress(so_far: float, total: float | None, message: str | None) -> None:
        heard.append(so_far)

    async with client(house.ask("mailboxes", "mcp-token", "main"), wire) as agent:
        asked = {"timeout_seconds": 12}
        result = await agent.call_tool("wait_for_events", asked, progress_callback=progress)
        assert not result.is_error and heard == [10.0], (result, heard)


CHECKS = [
    a_conversation, a_wait, no_such_tool, a_listener, a_resource, a_watched_resource, a_long_wait,
]


def main() -> int:
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        house = House(sys.argv[1], pathlib.Path(folder))
        try:
            for check in CHECKS:
                for wire in (OLDER, NEWER):
                    verdict.run(f"mcp {check.__name__.replace('_', ' ')} on {wire}", check, house, wire)
        finally:
            house.end()
    return verdict.code()


if __name__ == "__main__":
    sys.exit(main())
