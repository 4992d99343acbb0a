//! Files as an agent gives them: their bytes, or the id of one that is here. Never a path, and never an address. Pure.

use crate::mcp::desk::Brought;
use crate::mcp::names::Name;
use crate::mcp::refusal::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatbox_core::connector::Limits;
use schemars::JsonSchema;
use serde::Deserialize;

/// The most files of one call.
const MOST: usize = 10;
/// The longest name and the longest media type, in bytes.
const LONGEST: usize = 255;

/// A file to send: `id` alone, or `name` and `data`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// A file of an earlier message of this mailbox, by the id that read_messages shows.
    #[serde(default)]
    id: Option<Name>,
    /// What people see it called, such as chart.png.
    #[serde(default)]
    name: Option<String>,
    /// What it is, such as image/png. What its bytes show is believed before this.
    #[serde(default)]
    mime: Option<String>,
    /// Its bytes, in base64.
    #[serde(default)]
    data: Option<String>,
}

/// A file as it was given, looked over.
#[derive(Debug)]
pub(super) enum File {
    /// It is here already, under this id.
    Here(Name),
    /// It came along.
    Brought(Brought),
}

/// Looks over what was given.
pub(super) fn read(given: Vec<Given>) -> Result<Vec<File>, Refusal> {
    if given.len() > MOST {
        let says = format!("one message holds at most {MOST} files");
        return Err(Refusal::new("too_many_files", says, "Send them in parts."));
    }
    given.into_iter().map(file).collect()
}

fn file(given: Given) -> Result<File, Refusal> {
    match given {
        Given {
            id: Some(id),
            name: None,
            mime: None,
            data: None,
        } => id.file().map(|_| File::Here(id)),
        Given {
            id: None,
            name: Some(name),
            mime,
            data: Some(data),
        } => brought(name, mime.unwrap_or_default(), &data).map(File::Brought),
        _ => Err(neither()),
    }
}

fn brought(name: String, mime: String, data: &str) -> Result<Brought, Refusal> {
    let plain = |text: &str| text.len() <= LONGEST && !text.contains('\0');
    if name.trim().is_empty() || !plain(&name) || !plain(&mime) {
        let says = format!("a file's name has 1 to {LONGEST} bytes, and its type at most as many");
        let next = "Call again with a name such as chart.png and a type such as image/png.";
        return Err(Refusal::new("invalid_file_name", says, next));
    }
    let bytes = STANDARD.decode(data).map_err(|_| {
        let next =
            "Call again with the file's own bytes in base64, padded and without line breaks.";
        Refusal::new("invalid_base64", "data is not base64", next)
    })?;
    if bytes.is_empty() {
        let next = "Call again with its bytes, or without it.";
        return Err(Refusal::new("empty_file", "the file has no bytes", next));
    }
    Ok(Brought {
        name,
        mime,
        bytes: bytes.into(),
    })
}

/// Whether a platform takes a file of so many bytes.
pub(super) fn fits(limits: Limits, bytes: u64) -> Result<(), Refusal> {
    match limits.max_bytes {
        Some(most) if bytes > most => Err(Refusal::new(
            "file_too_large",
            format!("a file of {bytes} bytes is larger than this chat's platform takes, {most}"),
            "Call again with a smaller file, or say it in words.",
        )),
        _ => Ok(()),
    }
}

fn neither() -> Refusal {
    Refusal::new(
        "media_ref_invalid",
        "a file is given by its id alone, or by its name and its data; paths and addresses are not looked at",
        "Call again with {\"name\": …, \"data\": base64}, or copy the id of a file from read_messages.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> Result<Vec<File>, Refusal> {
        read(serde_json::from_str(json).expect("files"))
    }

    #[test]
    fn a_file_is_bytes_with_a_name_or_an_id_and_nothing_else() {
        let files = given(r#"[{"id":"msg_4.1"},{"name":"a.txt","data":"aGk="}]"#);
        let files = files.expect("files");
        assert!(
            matches!(&files[..], [File::Here(_), File::Brought(it)] if it.bytes.as_ref() == b"hi")
        );
        for (json, code) in [
            ("{}", "media_ref_invalid"),
            (r#"{"name":"a.txt"}"#, "media_ref_invalid"),
            (r#"{"data":"aGk="}"#, "media_ref_invalid"),
            (r#"{"id":"msg_4.1","data":"aGk="}"#, "media_ref_invalid"),
            (r#"{"id":"/etc/passwd"}"#, "media_ref_invalid"),
            (r#"{"id":"file:///etc/passwd"}"#, "media_ref_invalid"),
            (r#"{"id":"https://evil.test/a.png"}"#, "media_ref_invalid"),
            (r#"{"id":"file_abc"}"#, "media_ref_invalid"),
            (r#"{"id":"msg_4"}"#, "media_ref_invalid"),
            (r#"{"id":"msg_4.0"}"#, "media_ref_invalid"),
            (
                r#"{"name":"a","data":"data:text/plain;base64,aGk="}"#,
                "invalid_base64",
            ),
            (r#"{"name":"a","data":"aGk"}"#, "invalid_base64"),
            (r#"{"name":"a","data":""}"#, "empty_file"),
            (r#"{"name":" ","data":"aGk="}"#, "invalid_file_name"),
            (
                "{\"name\":\"a\\u0000\",\"data\":\"aGk=\"}",
                "invalid_file_name",
            ),
        ] {
            let refusal = given(&format!("[{json}]")).expect_err(json);
            assert_eq!(refusal.code, code, "{json}");
        }
        let many = [r#"{"id":"msg_4.1"}"#; MOST + 1].join(",");
        let refusal = given(&format!("[{many}]")).expect_err("too many");
        assert_eq!(refusal.code, "too_many_files");
    }

    #[test]
    fn a_file_has_the_size_its_platform_takes() {
        let limits = Limits {
            max_bytes: Some(5),
            ..Limits::default()
        };
        assert_eq!(fits(limits, 5), Ok(()));
        assert_eq!(fits(Limits::default(), u64::MAX), Ok(()));
        assert_eq!(fits(limits, 6).expect_err("large").code, "file_too_large");
    }
}
