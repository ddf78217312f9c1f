#[path = "../benches/store.rs"]
mod store;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    store::make(std::path::Path::new(&a[1]), a[2].parse().unwrap()).unwrap();
}
