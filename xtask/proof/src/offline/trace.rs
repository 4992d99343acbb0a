//! Reads a trace of system calls: whom the program called, and where a person's word went.

use super::WORD;
use std::path::PathBuf;

/// What is no breach.
pub(crate) struct Allowed {
    /// Who may be called, as `ADDRESS:PORT`.
    pub(crate) connections: Vec<String>,
    /// Who is told what people say, and must have been told.
    pub(crate) model: Option<String>,
    /// The other end of the person's own socket.
    pub(crate) person: String,
    /// Where it is kept.
    pub(crate) data: PathBuf,
}

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) connections: u32,
    pub(crate) to_model: u32,
    pub(crate) to_person: u32,
    pub(crate) to_disk: u32,
    /// Calls to others.
    pub(crate) strange_connections: Vec<String>,
    /// Words that went elsewhere, or whose way was not seen.
    pub(crate) strange_words: Vec<String>,
}

impl Seen {
    pub(crate) fn merge(&mut self, other: Self) {
        self.connections += other.connections;
        self.to_model += other.to_model;
        self.to_person += other.to_person;
        self.to_disk += other.to_disk;
        self.strange_connections.extend(other.strange_connections);
        self.strange_words.extend(other.strange_words);
    }
}

/// Arguments stand where a call begins; whether it came back says nothing about whom it was for.
pub(crate) fn judge(trace: &str, allowed: &Allowed) -> Seen {
    let mut seen = Seen::default();
    for call in trace.lines().filter_map(Call::read) {
        connection(&call, allowed, &mut seen);
        word(&call, allowed, &mut seen);
    }
    let blind = [
        (seen.connections > 0, "a connection"),
        (
            seen.to_model > 0 || allowed.model.is_none(),
            "the word on its way to the model",
        ),
        (seen.to_person > 0, "the word on its way to the person"),
        (seen.to_disk > 0, "the word on its way to the disk"),
    ];
    let blind = blind.iter().filter(|(was_seen, _)| !was_seen);
    seen.strange_words
        .extend(blind.map(|(_, what)| format!("{what} was not seen: the trace cannot be read")));
    seen
}

/// An address in the arguments is somebody called: of `connect`, and of a datagram.
fn connection(call: &Call<'_>, allowed: &Allowed, seen: &mut Seen) {
    if !matches!(call.name, "connect" | "sendto" | "sendmsg" | "sendmmsg") {
        return;
    }
    let Some(peer) = address(call.arguments) else {
        return;
    };
    seen.connections += 1;
    if !allowed.connections.contains(&peer) {
        seen.strange_connections
            .push(format!("{} to {peer}", call.name));
    }
}

fn word(call: &Call<'_>, allowed: &Allowed, seen: &mut Seen) {
    if call.name == "io_uring_setup" {
        seen.strange_words
            .push("calls go through a ring, where they cannot be seen".to_owned());
    }
    if !call.gives() {
        return;
    }
    let target = call.target();
    let is_data = target.starts_with(&*allowed.data.to_string_lossy());
    if !is_data && call.arguments.contains("\"...") {
        seen.strange_words
            .push(format!("{} to {target} was not read to its end", call.name));
    }
    if !call.arguments.contains(WORD) {
        return;
    }
    let peer = peer(target);
    if peer.is_some() && peer == allowed.model.as_deref() {
        seen.to_model += 1;
    } else if peer == Some(&*allowed.person) {
        seen.to_person += 1;
    } else if is_data {
        seen.to_disk += 1;
    } else {
        seen.strange_words
            .push(format!("{} to {target}", call.name));
    }
}

/// A line of the trace where a call begins: `17 write(3</tmp/x>, "abc", 3) = 3`.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> Call<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (_, rest) = line.trim_start().split_once(' ')?;
        let (name, arguments) = rest.trim_start().split_once('(')?;
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then_some(Self { name, arguments })
    }

    /// Whether it gives bytes away.
    fn gives(&self) -> bool {
        [
            "write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg",
            "sendfile", "splice",
        ]
        .contains(&self.name)
    }

    /// What its first file is: a path, or `TCP:[HERE->THERE]`.
    fn target(&self) -> &'a str {
        let Some((_, named)) = self.arguments.split_once('<') else {
            return "nowhere known";
        };
        // An arrow stands between the two ends of a socket.
        let socket = named.find("]>").map(|at| &named[..=at]);
        let is_socket = |name: &&str| {
            name.split_once(":[")
                .is_some_and(|(kind, _)| !kind.contains(['/', '>', ',']))
        };
        socket
            .filter(is_socket)
            .unwrap_or_else(|| named.split(">").next().unwrap_or_default())
    }
}

/// The other end of a connected socket.
fn peer(target: &str) -> Option<&str> {
    target
        .strip_suffix(']')?
        .split_once("->")
        .map(|(_, there)| there)
}

/// The address and port among arguments.
fn address(arguments: &str) -> Option<String> {
    let behind = |what: &str| arguments.split_once(what).map(|(_, rest)| rest);
    let (port, _) = behind("_port=htons(")?.split_once(')')?;
    let four = behind("sin_addr=inet_addr(\"").and_then(|it| it.split_once('"'));
    let six = behind("inet_pton(AF_INET6, \"").and_then(|it| it.split_once('"'));
    match (four, six) {
        (Some((host, _)), _) => Some(format!("{host}:{port}")),
        (None, Some((host, _))) => Some(format!("[{host}]:{port}")),
        (None, None) => Some(format!("an address that cannot be read, port {port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLED: &str = "7 connect(9<TCP:[5]>, {sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0\n";
    const TOLD_MODEL: &str = "7 sendto(9<TCP:[127.0.0.1:50->127.0.0.1:4000]>, \"hello quetzalwort\", 17, 0, NULL, 0) = 17\n";
    const TOLD_PERSON: &str = "7 writev(8<TCP:[127.0.0.1:7700->127.0.0.1:60]>, [{iov_base=\"quetzalwort\", iov_len=11}], 1) = 11\n";
    const KEPT: &str = "7 pwrite64(4</r/data/chatbox.db-wal>, \"\\2quetzalwort\", 12, 0) = 12\n";

    fn seen(more: &str) -> Seen {
        let trace = [CALLED, TOLD_MODEL, TOLD_PERSON, KEPT, more].concat();
        let allowed = Allowed {
            connections: vec!["127.0.0.1:4000".to_owned()],
            model: Some("127.0.0.1:4000".to_owned()),
            person: "127.0.0.1:60".to_owned(),
            data: "/r/data".into(),
        };
        judge(&trace, &allowed)
    }

    fn strange_connections(line: &str) -> Vec<String> {
        seen(line).strange_connections
    }

    fn strange_words(line: &str) -> Vec<String> {
        seen(line).strange_words
    }

    #[test]
    fn what_is_allowed_is_counted_and_no_breach() {
        let seen = seen("7 <... sendto resumed>) = 17\n7 +++ exited with 0 +++\n");
        let expected = Seen {
            connections: 1,
            to_model: 1,
            to_person: 1,
            to_disk: 1,
            ..Seen::default()
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_call_to_somebody_else_is_seen() {
        let four = CALLED.replace("127.0.0.1", "203.0.113.9");
        assert_eq!(strange_connections(&four), ["connect to 203.0.113.9:4000"]);
        let other_port = CALLED.replace("4000", "4001");
        assert_eq!(
            strange_connections(&other_port),
            ["connect to 127.0.0.1:4001"]
        );
        let six = "7 connect(7<TCPv6:[8]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), \
                   inet_pton(AF_INET6, \"2001:db8::1\", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>\n";
        assert_eq!(strange_connections(six), ["connect to [2001:db8::1]:443"]);
        let question = "7 sendto(6<UDP:[8]>, \"dns\", 3, 0, {sa_family=AF_INET, sin_port=htons(53), \
                        sin_addr=inet_addr(\"10.0.0.1\")}, 16) = -1 ENETUNREACH\n";
        assert_eq!(strange_connections(question), ["sendto to 10.0.0.1:53"]);
    }

    #[test]
    fn the_word_going_elsewhere_is_seen() {
        let other_model = TOLD_MODEL.replace("->127.0.0.1:4000", "->203.0.113.9:443");
        assert_eq!(
            strange_words(&other_model),
            ["sendto to TCP:[127.0.0.1:50->203.0.113.9:443]"]
        );
        let other_person = TOLD_PERSON.replace("1:60", "1:61");
        assert_eq!(strange_words(&other_person).len(), 1);
        let other_file = KEPT.replace("/r/data/", "/r/tmp/");
        assert_eq!(
            strange_words(&other_file),
            ["pwrite64 to /r/tmp/chatbox.db-wal"]
        );
        let log = "7 write(2<pipe:[99]>, \"heard quetzalwort\", 17) = 17\n";
        assert_eq!(strange_words(log), ["write to pipe:[99]"]);
    }

    #[test]
    fn what_cannot_be_read_is_no_proof() {
        let cut = TOLD_PERSON.replace("quetzalwort\"", "quetz\"...");
        assert_eq!(strange_words(&cut).len(), 1);
        assert_eq!(
            strange_words("7 io_uring_setup(8, {flags=0}) = 5\n").len(),
            1
        );
        let nothing = judge(
            "",
            &Allowed {
                connections: Vec::new(),
                model: Some("127.0.0.1:4000".to_owned()),
                person: String::new(),
                data: "/r/data".into(),
            },
        );
        assert_eq!(nothing.strange_words.len(), 4);
    }
}
