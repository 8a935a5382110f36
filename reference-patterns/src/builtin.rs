//! The patterns of this build.

use crate::{
    Slots, consumer, keyvalue, multicast_registry,
    pattern::{Blamed, host, unfit},
    producer,
};
use prism_driver_kit::SettingSpec;
use prism_interfaces::{Endpoint, traits::Declaration};
use prism_slots::{Parameters, PatternSpec};
use std::{collections::BTreeMap, sync::LazyLock};

/// A pattern of this build.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// As in `driver: { builtin: … }`.
    pub name: &'static str,
    /// The text of its pattern.yaml.
    pub yaml: &'static str,
    /// Where that file is in the repository.
    pub path: &'static str,
    /// Where a process can be made to halt, in the order in which it gets there.
    pub steps: &'static [&'static str],
    launch: fn(&'static Known, Slots) -> Endpoint,
    declares: fn(&BTreeMap<String, Declaration>, &Parameters) -> Declaration,
    unfit: fn(&'static Known, &Slots, &Parameters) -> Vec<(Blamed, String)>,
}

/// What its pattern.yaml says, read once.
struct Known {
    spec: PatternSpec,
    settings: Vec<SettingSpec>,
}

macro_rules! builtin {
    ($name:literal, $folder:literal, $module:ident::$pattern:ident) => {
        Builtin {
            name: $name,
            yaml: include_str!(concat!($folder, "/pattern.yaml")),
            path: concat!("reference-patterns/src/", $folder, "/pattern.yaml"),
            launch: |known, slots| host(&known.spec, &known.settings, $module::$pattern, slots),
            steps: $module::STEPS,
            declares: $module::declares,
            unfit: |known, slots, parameters| unfit(&known.spec, &$module::$pattern, slots, parameters),
        }
    };
}

/// Every pattern of this build.
pub const BUILTINS: &[Builtin] = &[
    builtin!("keyvalue", "keyvalue", keyvalue::KeyValue),
    builtin!("multicast-registry", "multicast_registry", multicast_registry::MulticastRegistry),
    builtin!("consumer", "consumer", consumer::Consumer),
    builtin!("producer", "producer", producer::Producer),
];

static SPECS: LazyLock<Vec<PatternSpec>> = LazyLock::new(|| {
    let names: Vec<&str> = BUILTINS.iter().map(|builtin| builtin.name).collect();
    BUILTINS.iter().map(|builtin| prism_slots::builtin(builtin.path, builtin.yaml, &names)).collect()
});

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let settings = |spec: &'static PatternSpec| {
        let setting = |parameter: &'static prism_slots::ParameterSpec| SettingSpec {
            name: &parameter.name,
            meaning: &parameter.description,
            required: parameter.required,
        };
        spec.parameters.iter().map(setting).collect()
    };
    SPECS.iter().map(|spec| Known { spec: spec.clone(), settings: settings(spec) }).collect()
});

/// The pattern of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

impl Builtin {
    fn known(&self) -> &'static Known {
        let found = KNOWN.iter().find(|known| known.spec.builtin == self.name);
        // Both tables come from BUILTINS.
        found.unwrap_or_else(|| unreachable!("{} is built in", self.name))
    }

    /// What its pattern.yaml says.
    pub fn spec(&self) -> &'static PatternSpec {
        &self.known().spec
    }

    /// Asks everything that is bound what it is.
    pub async fn bind(&self, endpoints: BTreeMap<String, Endpoint>) -> Slots {
        let spec = self.spec();
        Slots::bind(endpoints, |name| spec.slot(name).is_some_and(|slot| slot.application)).await
    }

    /// An instance over these slots, in state *created*.
    pub fn launch(&self, slots: Slots) -> Endpoint {
        (self.launch)(self.known(), slots)
    }

    /// Everything that keeps it from being initialized over these slots with these parameters.
    pub(crate) fn unfit(&self, slots: &Slots, parameters: &Parameters) -> Vec<(Blamed, String)> {
        (self.unfit)(self.known(), slots, parameters)
    }

    /// What it declares over backends that declare this, by slot.
    pub fn declares(&self, slots: &BTreeMap<String, Declaration>, parameters: &Parameters) -> Declaration {
        (self.declares)(slots, parameters)
    }
}
