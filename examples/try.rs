use memferry::engine::*;
use memferry::store::{Address, registry};
#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let source = Address::parse(&a[1]).unwrap();
    let target = Address::parse(&a[2]).unwrap();
    let plan = Plan {
        write: Write {
            verify: std::env::var("VERIFY")
                .unwrap_or("full".into())
                .parse()
                .unwrap(),
            ..Write::default()
        },
        ..Plan::new(&source, &target)
    };
    let stores = Stores {
        source: registry::open(&source).unwrap(),
        target: registry::open(&target).unwrap(),
    };
    let home = Home::new(std::env::var("HOME_DIR").unwrap_or("/tmp/mf-home".into()));
    let handle = start(
        plan,
        stores,
        Options {
            home,
            ask: Ask::Never,
            restart: false,
            source_copy: false,
        },
    )
    .await
    .unwrap();
    let report = handle.report().await.unwrap();
    println!(
        "{:?} {} {:?}",
        report.outcome, report.summary, report.failure
    );
    println!("{:?}", report.phases);
}
