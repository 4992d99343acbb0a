//! On disk before answered, shown from the system calls: between the last write to the write-ahead log and the reply
//! stands a sync of that log that came back.
//!
//! A kill cannot show this, for what a killed process wrote stays with the kernel.

use crate::report::Report;
use crate::server::{Place, message};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::Path;

/// The promise a program breaks that does not wait for the disk.
pub(crate) const SYNCED: &str = "fsync the log is on disk before the answer";

pub(crate) async fn run(program: &Path, times: u32, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace");
    let mut place = Place::new(program, folder.path(), "[backend]\nkind = \"none\"\n")?;
    let calls = "trace=write,writev,sendto,sendmsg,pwrite64,pwritev,fdatasync,fsync";
    let words = ["strace", "-f", "-yy", "-s", "16", "-e", calls, "-o"];
    place.before = words.iter().map(Into::into).collect();
    place.before.push(trace.clone().into());
    let server = place.start().await?;
    let feed = server.add_feed("alpha").await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/connections/{}/messages", server.url, feed.id);
    // Everything before this line is no message.
    http.get(format!("{}/health/live", server.url))
        .send()
        .await?
        .error_for_status()?;
    let mark = std::fs::metadata(&trace)?.len();
    for number in 0..times {
        // A sender of its own each time: how fast one person may talk is not what is shown here.
        let body = message(&format!("e{number}"), "c", &format!("p{number}"), "hello");
        let answer = http
            .post(&url)
            .bearer_auth(&feed.token)
            .json(&body)
            .send()
            .await?;
        anyhow::ensure!(answer.status() == 200, "answered {}", answer.status());
        answer.bytes().await?;
    }
    server.stop().await?;
    let text = std::fs::read_to_string(&trace)?;
    let seen = judge(
        text.get(usize::try_from(mark)?..)
            .context("the trace grows")?,
    );
    report.line(&format!(
        "{} answers, {} of them after a sync of what was written for them",
        seen.answers, seen.synced
    ));
    let mut faults = seen.faults;
    if seen.synced < times {
        faults.push(format!("{} of {times}", seen.synced));
    }
    report.check(SYNCED, &faults);
    Ok(())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    answers: u32,
    synced: u32,
    faults: Vec<String>,
}

/// What a line of the trace is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Wrote,
    Synced,
    Answered,
}

/// Reads the trace in its order. A write counts from when it began, a sync from when it came back: the sync must have
/// begun after the write had ended.
fn judge(trace: &str) -> Seen {
    let mut seen = Seen::default();
    let mut running: HashMap<&str, (Call, bool)> = HashMap::new();
    let (mut written, mut synced) = (false, false);
    let mut open_writes = 0_u32;
    for line in trace.lines() {
        let Some((thread, rest)) = line.trim_start().split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let resumed = rest.starts_with("<... ");
        let begun = if resumed { None } else { call(rest) };
        let unfinished = rest.ends_with("<unfinished ...>");
        match begun {
            Some(Call::Wrote) => {
                (written, synced) = (true, false);
                if unfinished {
                    open_writes += 1;
                    running.insert(thread, (Call::Wrote, true));
                }
            }
            Some(Call::Synced) if unfinished => {
                running.insert(thread, (Call::Synced, open_writes == 0));
            }
            Some(Call::Synced) => synced = open_writes == 0 && rest.ends_with("= 0"),
            Some(Call::Answered) => {
                seen.answers += 1;
                if written && synced {
                    seen.synced += 1;
                } else {
                    let why = if written {
                        "before the sync"
                    } else {
                        "without a write"
                    };
                    seen.faults
                        .push(format!("answer {} came {why}", seen.answers));
                }
                (written, synced) = (false, false);
            }
            None => {}
        }
        if resumed && let Some((call, clean)) = running.remove(thread) {
            match call {
                Call::Wrote => open_writes -= 1,
                Call::Synced => synced = clean && rest.ends_with("= 0"),
                Call::Answered => {}
            }
        }
    }
    seen
}

fn call(rest: &str) -> Option<Call> {
    let (name, arguments) = rest.split_once('(')?;
    let on_log = arguments
        .split(',')
        .next()
        .is_some_and(|file| file.contains("-wal"));
    match name {
        "pwrite64" | "pwritev" | "write" if on_log => Some(Call::Wrote),
        "fdatasync" | "fsync" if on_log => Some(Call::Synced),
        "write" | "writev" | "sendto" | "sendmsg" if arguments.contains("\"HTTP/1.1 200") => {
            Some(Call::Answered)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &str = "7 pwrite64(9</d/chatbox.db-wal>, \"x\", 4096, 32) = 4096\n";
    const SYNC: &str = "7 fdatasync(9</d/chatbox.db-wal>) = 0\n";
    const ANSWER: &str = "8 writev(11<TCP:[1]>, [{iov_base=\"HTTP/1.1 200 OK\\r\"...}], 1) = 99\n";

    fn synced(lines: &[&str]) -> (u32, u32) {
        let seen = judge(&lines.concat());
        (seen.synced, seen.answers)
    }

    #[test]
    fn an_answer_counts_only_after_a_sync_of_what_was_written() {
        assert_eq!(synced(&[WRITE, SYNC, ANSWER]), (1, 1));
        assert_eq!(synced(&[WRITE, ANSWER, SYNC]), (0, 1));
        assert_eq!(synced(&[SYNC, WRITE, ANSWER]), (0, 1));
        assert_eq!(synced(&[WRITE, SYNC, WRITE, ANSWER]), (0, 1));
        assert_eq!(synced(&[ANSWER]), (0, 1));
        assert_eq!(synced(&[WRITE, SYNC, ANSWER, ANSWER]), (1, 2));
    }

    #[test]
    fn a_sync_counts_when_it_came_back() {
        let begun = "7 fdatasync(9</d/chatbox.db-wal> <unfinished ...>\n";
        let back = "7 <... fdatasync resumed>) = 0\n";
        assert_eq!(synced(&[WRITE, begun, back, ANSWER]), (1, 1));
        assert_eq!(synced(&[WRITE, begun, ANSWER, back]), (0, 1));
        assert_eq!(
            synced(&[
                WRITE,
                begun,
                "7 <... fdatasync resumed>) = -1 EIO\n",
                ANSWER
            ]),
            (0, 1)
        );
    }

    #[test]
    fn a_sync_of_another_file_is_none() {
        assert_eq!(
            synced(&[WRITE, "7 fdatasync(9</d/other>) = 0\n", ANSWER]),
            (0, 1)
        );
    }
}
