//! People who write: envelopes as the daemon tells of them.

use super::state::State;
use super::uuid;
use serde_json::{Value, json};

/// How much text a message holds inline, in bytes.
const INLINE: usize = 2000;

/// A file, as people see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Something a person says.
#[derive(Clone, Debug, Default)]
pub struct Say {
    /// Who, by number.
    pub from: u32,
    /// In which group, by its name in base64; otherwise to us alone.
    pub group: Option<String>,
    /// What.
    pub text: String,
    /// Whether it mentions us, at its end.
    pub mention: bool,
    /// Author (`None` for us) and time of the message it answers.
    pub quote: Option<(Option<u32>, i64)>,
    /// Styled stretches: name, start, length in UTF-16.
    pub styles: Vec<(String, usize, usize)>,
    /// Files.
    pub files: Vec<File>,
    /// Whether the files are listed and cannot be fetched.
    pub files_gone: bool,
}

/// What is remembered of something said.
#[derive(Clone, Debug)]
pub(super) struct Told {
    from: u32,
    group: Option<String>,
    envelope: Value,
}

impl State {
    pub(super) fn say(&mut self, say: Say) -> i64 {
        let time = self.time();
        let mut data = json!({
            "timestamp": time, "message": say.text, "expiresInSeconds": 0, "viewOnce": false,
        });
        if say.mention {
            let start = say.text.encode_utf16().count() + 1;
            data["message"] = json!(format!("{} \u{FFFC}", say.text));
            data["mentions"] = json!([{"name": "chatbox", "number": self.account, "uuid": uuid(0), "start": start, "length": 1}]);
        }
        if let Some((author, id)) = say.quote {
            data["quote"] = self.author(
                author,
                "author",
                json!({"id": id, "text": "…", "attachments": []}),
            );
        }
        if !say.styles.is_empty() {
            let style = |(style, start, length): &(String, usize, usize)| json!({"style": style, "start": start, "length": length});
            data["textStyles"] = say.styles.iter().map(style).collect();
        }
        let mut files: Vec<Value> = Vec::new();
        for file in &say.files {
            files.push(self.keep(file, say.files_gone));
        }
        if say.text.len() > INLINE {
            let mut end = INLINE;
            while !say.text.is_char_boundary(end) {
                end -= 1;
            }
            data["message"] = json!(say.text[..end]);
            let whole = File {
                name: String::new(),
                mime: "text/x-signal-plain".to_owned(),
                bytes: say.text.clone().into_bytes(),
            };
            files.push(self.keep(&whole, false));
        }
        if !files.is_empty() {
            data["attachments"] = json!(files);
        }
        let mut envelope = Self::by(say.from, time);
        envelope["dataMessage"] = grouped(data, say.group.as_deref());
        let told = Told {
            from: say.from,
            group: say.group,
            envelope: envelope.clone(),
        };
        self.told.insert(time, told);
        self.tell(envelope);
        time
    }

    fn keep(&mut self, file: &File, gone: bool) -> Value {
        let id = format!("file{}-{}", self.files.len(), self.time());
        if !gone {
            self.files.insert(id.clone(), file.bytes.clone());
        }
        let name = (!file.name.is_empty()).then_some(&file.name);
        json!({"contentType": file.mime, "filename": name, "id": id, "size": file.bytes.len()})
    }

    /// Adds who a message is by, in the three ways the daemon says it.
    fn author(&self, author: Option<u32>, field: &str, mut to: Value) -> Value {
        let number = author.is_none().then(|| self.account.clone());
        let id = uuid(author.unwrap_or(0));
        to[field] = json!(number.as_ref().unwrap_or(&id));
        to[format!("{field}Number")] = json!(number);
        to[format!("{field}Uuid")] = json!(id);
        to
    }

    fn by(who: u32, time: i64) -> Value {
        json!({
            "source": uuid(who), "sourceNumber": null, "sourceUuid": uuid(who), "sourceName": format!("Person {who}"),
            "sourceDevice": 1, "timestamp": time, "serverReceivedTimestamp": time, "serverDeliveredTimestamp": time,
        })
    }

    pub(super) fn edit(&mut self, timestamp: i64, text: &str) {
        let (Some(told), time) = (self.told.get(&timestamp).cloned(), self.time()) else {
            return;
        };
        let data = json!({"timestamp": time, "message": text, "expiresInSeconds": 0});
        let mut envelope = Self::by(told.from, time);
        let data = grouped(data, told.group.as_deref());
        envelope["editMessage"] = json!({"targetSentTimestamp": timestamp, "dataMessage": data});
        self.tell(envelope);
    }

    pub(super) fn delete(&mut self, timestamp: i64) {
        let (Some(told), time) = (self.told.get(&timestamp).cloned(), self.time()) else {
            return;
        };
        let data =
            json!({"timestamp": time, "message": null, "remoteDelete": {"timestamp": timestamp}});
        let mut envelope = Self::by(told.from, time);
        envelope["dataMessage"] = grouped(data, told.group.as_deref());
        self.tell(envelope);
    }

    pub(super) fn react(
        &mut self,
        who: u32,
        group: Option<&str>,
        author: Option<u32>,
        at: i64,
        emoji: &str,
    ) {
        let time = self.time();
        let reaction = json!({"emoji": emoji, "targetSentTimestamp": at, "isRemove": false});
        let reaction = self.author(author, "targetAuthor", reaction);
        let data = json!({"timestamp": time, "message": null, "reaction": reaction});
        let mut envelope = Self::by(who, time);
        envelope["dataMessage"] = grouped(data, group);
        self.tell(envelope);
    }

    pub(super) fn repeat(&mut self, timestamp: i64) {
        if let Some(told) = self.told.get(&timestamp) {
            let envelope = told.envelope.clone();
            self.tell(envelope);
        }
    }

    pub(super) fn say_elsewhere(&mut self, text: &str) -> i64 {
        let time = self.time();
        let sent = json!({"destination": uuid(1), "destinationUuid": uuid(1), "timestamp": time, "message": text});
        let mut envelope = Self::by(0, time);
        envelope["sourceNumber"] = json!(self.account);
        envelope["sourceDevice"] = json!(2);
        envelope["syncMessage"] = json!({"sentMessage": sent});
        self.tell(envelope);
        time
    }
}

fn grouped(mut data: Value, group: Option<&str>) -> Value {
    if let Some(group) = group {
        data["groupInfo"] =
            json!({"groupId": group, "groupName": "A group", "revision": 1, "type": "DELIVER"});
    }
    data
}
