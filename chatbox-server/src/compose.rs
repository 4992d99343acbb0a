//! The only place that names platforms: which adapters this program has.

use crate::failure::Failure;
use chatbox_core::connector::AdapterFactory;
use chatbox_core::id::Platform;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One line for each platform: the feature that takes it in, which has its name, and who builds its adapter.
macro_rules! platforms {
    ($($feature:literal => $factory:expr,)*) => {
        fn known() -> impl IntoIterator<Item = Arc<dyn AdapterFactory>> {
            let known: &[Arc<dyn AdapterFactory>] = &[$(
                #[cfg(feature = $feature)]
                Arc::new($factory),
            )*];
            known.to_vec()
        }

        /// Those there are adapters for, and not in this program.
        const LEFT_OUT: &[&str] = &[$(
            #[cfg(not(feature = $feature))]
            $feature,
        )*];

        /// Those in this program.
        const TAKEN_IN: &[&str] = &[$(
            #[cfg(feature = $feature)]
            $feature,
        )*];
    };
}

platforms! {
    "discord" => chatbox_discord::Discord,
    "signal" => chatbox_signal::Signal,
    "slack" => chatbox_slack::Slack,
    "telegram" => chatbox_telegram::Telegram,
}

/// The adapters compiled in, by platform.
#[derive(Debug, Clone, Default)]
pub struct Platforms {
    factories: BTreeMap<Platform, Arc<dyn AdapterFactory>>,
}

impl Platforms {
    /// Those that speak to an outside network.
    pub fn outside() -> Self {
        let named = |factory: Arc<dyn AdapterFactory>| (factory.manifest().platform, factory);
        Self {
            factories: known().into_iter().map(named).collect(),
        }
    }

    /// One more.
    pub fn add(&mut self, factory: impl AdapterFactory) {
        self.factories
            .insert(factory.manifest().platform, Arc::new(factory));
    }

    /// One platform's.
    pub fn get(&self, platform: &Platform) -> Option<Arc<dyn AdapterFactory>> {
        self.factories.get(platform).cloned()
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.factories.keys().map(ToString::to_string).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn AdapterFactory>> {
        self.factories.values()
    }

    /// What to say of a platform that there is an adapter for, and that was left out of this program.
    pub fn left_out(platform: &str) -> Option<Failure> {
        let name = LEFT_OUT.iter().find(|name| **name == platform)?;
        let what = format!("this program was built without {name}");
        // And with those it has: a program with one platform more, not with another one.
        let features = [&[*name], TAKEN_IN].concat().join(",");
        let fix = format!(
            "build it with: cargo install --locked --path chatbox-server --features {features}"
        );
        Some(Failure::new("feature_missing", what, fix))
    }
}

#[cfg(test)]
impl Platforms {
    /// Whether this is the program with every platform there is.
    pub(crate) fn are_all() -> bool {
        LEFT_OUT.is_empty()
    }
}
