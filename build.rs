//! Links what `src/allocator.c` tells the allocator into the program and what measures it.

fn main() {
    println!("cargo::rerun-if-changed=src/allocator.c");
    let objects = cc::Build::new()
        .file("src/allocator.c")
        .compile_intermediates();
    for object in objects {
        println!("cargo::rustc-link-arg-bins={}", object.display());
        println!("cargo::rustc-link-arg-benches={}", object.display());
    }
}
