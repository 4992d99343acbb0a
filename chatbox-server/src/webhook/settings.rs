//! The `[webhook]` table of the configuration.

use super::hook::Hook;
use crate::failure::Failure;
use crate::paths::{DataDir, read_small, secret_from_file, write_private};
use chatbox_backends::webhook::{Endpoint, Signer, fresh_secret};
use chatbox_core::connector::Egress;
use chatbox_core::secret::Secret;
use chatbox_core::template::{Templates, Written};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to do about most mistakes.
const FIX: &str = "correct the [webhook] table";

/// The `[webhook]` table: every message of the mailbox is posted there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to.
    pub url: String,
    /// A file with the secret that signs, `whsec_…` or `whsk_…`, or with several while one replaces another, a line each.
    /// One is made in the data folder unless this is set.
    #[serde(default)]
    pub secrets_file: Option<PathBuf>,
    /// A file with a credential that goes along as `Authorization: Bearer`.
    #[serde(default)]
    pub bearer_file: Option<PathBuf>,
    /// Whether `url` may lead to this machine or a private network.
    #[serde(default)]
    pub allow_private: bool,
    /// What is posted, by template.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", default)]
    pub templates: Written,
}

impl WebhookSettings {
    /// Looks for every mistake that can be seen without asking anybody.
    ///
    /// # Errors
    /// The address or a template cannot be used.
    pub fn check(&self) -> Result<(), Failure> {
        self.templates()?;
        Endpoint::new(&self.url, self.egress(), None, None)
            .map(drop)
            .map_err(|error| Failure::new(error.code(), error.to_string(), self.way_out()))
    }

    fn way_out(&self) -> &'static str {
        match self.allow_private {
            true => FIX,
            false => {
                "correct the [webhook] table; for an endpoint on this machine or a private network set allow_private = true"
            }
        }
    }

    fn templates(&self) -> Result<Templates, Failure> {
        let wrong = |error: chatbox_core::template::TemplateError| {
            Failure::new("invalid_template", error.to_string(), FIX)
        };
        Templates::parse(&self.templates).map_err(wrong)
    }

    fn egress(&self) -> Egress {
        match self.allow_private {
            true => Egress::Private,
            false => Egress::Public,
        }
    }

    /// The webhook, with its secrets read.
    ///
    /// # Errors
    /// A mistake, or a file that cannot be read.
    pub(crate) fn open(&self, data: &DataDir) -> Result<Hook, Failure> {
        let secrets = self.secrets(data)?;
        let bearer = self.bearer_file.as_deref().map(secret_from_file);
        let bearer = bearer.transpose()?.map(Secret::new);
        let leaks = self.templates.keep_out(secrets.iter().chain(&bearer));
        leaks.map_err(|error| Failure::new("secret_in_template", error.to_string(), FIX))?;
        let signer = Signer::new(&secrets);
        let signer = signer.map_err(|error| Failure::new(error.code(), error.to_string(), FIX))?;
        let endpoint = Endpoint::new(&self.url, self.egress(), Some(signer), bearer.as_ref());
        let endpoint = endpoint
            .map_err(|error| Failure::new(error.code(), error.to_string(), self.way_out()))?;
        Ok(Hook::new(endpoint, self.templates()?, self.egress()))
    }

    fn secrets(&self, data: &DataDir) -> Result<Vec<Secret>, Failure> {
        let text = match &self.secrets_file {
            Some(path) => secret_from_file(path)?,
            None => own_secret(data)?,
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(lines.map(Secret::new).collect())
    }
}

/// The secret in the data folder, made if there is none.
fn own_secret(data: &DataDir) -> Result<String, Failure> {
    let path = data.webhook_secret();
    if let Some(secret) = read_small(&path)?.filter(|secret| !secret.trim().is_empty()) {
        return Ok(secret);
    }
    let secret = fresh_secret().expose().to_owned();
    write_private(&path, secret.as_bytes())?;
    Ok(secret)
}
