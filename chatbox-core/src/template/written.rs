//! Templates as somebody wrote them.

use super::error::{Fault, TemplateError};
use crate::secret::Secret;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Named templates, in their order, repetitions kept so that they can be refused. As JSON: an object of strings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written(Vec<(String, String)>);

impl Written {
    /// Adds one.
    pub fn push(&mut self, key: impl Into<String>, source: impl Into<String>) {
        self.0.push((key.into(), source.into()));
    }

    /// Puts one in the place of all with its name, or takes those away.
    pub fn set(&mut self, key: &str, source: Option<String>) {
        self.0.retain(|(it, _)| it != key);
        if let Some(source) = source {
            self.push(key, source);
        }
    }

    /// Each name with its template.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, source)| (&**key, &**source))
    }

    /// Refuses a template that holds one of these secrets: what is rendered is stored and shown.
    ///
    /// # Errors
    /// `secret_in_template`, for the first.
    pub fn keep_out<'a>(
        &self,
        secrets: impl IntoIterator<Item = &'a Secret>,
    ) -> Result<(), TemplateError> {
        for secret in secrets {
            let holds = |source: &str| !secret.is_empty() && source.contains(secret.expose());
            if let Some((key, _)) = self.iter().find(|(_, source)| holds(source)) {
                return Err(Fault::Secret.of(key));
            }
        }
        Ok(())
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, source) in self.iter() {
            map.serialize_entry(key, source)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of templates: names with texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut written = Written::default();
                while let Some((key, source)) = map.next_entry::<String, String>()? {
                    written.push(key, source);
                }
                Ok(written)
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_survive_the_reading() {
        let json = r#"{"edit":"a","edit":"b"}"#;
        let written: Written = serde_json::from_str(json).expect("an object of strings");
        assert_eq!(
            written.iter().collect::<Vec<_>>(),
            [("edit", "a"), ("edit", "b")]
        );
        assert_eq!(serde_json::to_string(&written).expect("plain data"), json);
        for json in ["[]", r#"{"edit":1}"#, r#"{"edit":null}"#, "\"x\""] {
            assert!(serde_json::from_str::<Written>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn one_is_set_and_taken_away() {
        let mut written = Written::default();
        written.push("edit", "a");
        written.push("edit", "b");
        written.set("edit", Some("c".to_owned()));
        assert_eq!(written.iter().collect::<Vec<_>>(), [("edit", "c")]);
        written.set("edit", None);
        assert_eq!(written, Written::default());
    }

    #[test]
    fn a_secret_is_kept_out() {
        let mut written = Written::default();
        written.push("edit", "call me with hunter2");
        let secrets = [Secret::new(""), Secret::new("hunter2")];
        let error = written.keep_out(&secrets).expect_err("it holds one");
        assert_eq!(
            (error.key.as_str(), error.fault.code()),
            ("edit", "secret_in_template")
        );
        assert!(!error.to_string().contains("hunter2"));
        assert_eq!(written.keep_out(&secrets[..1]), Ok(()));
    }
}
