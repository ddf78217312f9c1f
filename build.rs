//! Links what `src/allocator.c` tells the C library's allocator into the program.

fn main() {
    println!("cargo::rerun-if-changed=src/allocator.c");
    let objects = cc::Build::new()
        .file("src/allocator.c")
        .compile_intermediates();
    for object in objects {
        println!("cargo::rustc-link-arg-bins={}", object.display());
    }
}
