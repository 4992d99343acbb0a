//! The only place that names platforms: which adapters this program has.

use chatbox_core::connector::AdapterFactory;
use chatbox_core::id::Platform;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The adapters compiled in, by platform.
#[derive(Debug, Clone, Default)]
pub struct Platforms {
    factories: BTreeMap<Platform, Arc<dyn AdapterFactory>>,
}

impl Platforms {
    /// Those that speak to an outside network.
    pub fn outside() -> Self {
        let known: &[Arc<dyn AdapterFactory>] = &[
            #[cfg(feature = "telegram")]
            Arc::new(chatbox_telegram::Telegram),
        ];
        let named =
            |factory: &Arc<dyn AdapterFactory>| (factory.manifest().platform, factory.clone());
        Self {
            factories: known.iter().map(named).collect(),
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
}
