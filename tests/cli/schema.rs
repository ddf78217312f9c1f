//! The published schemas in `docs/schema` are what the program says. To write them
//! anew: `UPDATE_SCHEMAS=1 cargo test --test cli schema`.

use crate::Sandbox;
use std::path::Path;

#[test]
fn the_published_schemas_are_current() {
    let sandbox = Sandbox::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let names = sandbox.run(&["schema"]).exits(0).stdout;
    let mut expected: Vec<_> = names.lines().map(|name| format!("{name}.json")).collect();
    for name in names.lines() {
        let schema = sandbox.run(&["schema", name]).exits(0).stdout;
        let path = folder.join(format!("{name}.json"));
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &schema).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(published, schema, "{name}: see the head of this file");
    }
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    expected.sort();
    assert_eq!(files, expected, "a schema that no document has any more");
    sandbox.run(&["schema", "bogus"]).exits(1);
}
