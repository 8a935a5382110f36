//! What a built-in driver says of itself is what its backend.yaml declares.

use prism_conformance::builtins::{BUILTINS, sources};
use prism_interfaces::catalogue;
use prism_runner::registry::Registry;
use prism_suites::client::Lifecycle;
use std::collections::BTreeMap;

#[tokio::test]
async fn describe_and_backend_yaml_agree() {
    let registry = Registry::load(&sources()).expect("no mistakes");
    for builtin in BUILTINS {
        let declared: BTreeMap<String, (String, BTreeMap<String, String>)> = registry
            .find(builtin.name)
            .expect("registered")
            .declaration
            .interfaces
            .iter()
            .map(|(id, traits)| {
                let hash = catalogue::interface(id).expect("an interface").proto_hash.to_owned();
                (id.clone(), (hash, traits.iter().map(|(name, value)| (name.to_owned(), value)).collect()))
            })
            .collect();
        let described = Lifecycle::new((builtin.launch)()).describe().await.expect("Describe");
        assert_eq!(described.name, builtin.name);
        let described: BTreeMap<_, _> = described
            .interfaces
            .into_iter()
            .map(|interface| (interface.id, (interface.proto_hash, interface.traits.into_iter().collect())))
            .collect();
        assert_eq!(described, declared, "{}", builtin.name);
    }
}
