//! Values that only a graph server has, and names that a query cannot say.

use crate::scene::{Before, Scene, Store, said};
use std::path::Path;

const MADE: [&str; 5] = [
    "CREATE (:Memory {id: 'a', d: date('2024-03-01'), t: localtime('12:00:01'), m: localdatetime('1969-07-20T20:17:40'), u: duration('P1Y2M3DT4H5M6S'), p: point({latitude: 1.1, longitude: -179.9}), v: vecf32([1.1, -2.5]), title: 'T'})",
    "CREATE (:Memory {id: 'lists', d: [date('2024-03-01'), date('2024-03-02')], t: [localtime('12:00:01')], p: [point({latitude: 1.5, longitude: 2.5})], u: [duration('P1D'), duration('PT1S')], v: [vecf32([1.0, 2.0])], title: 'T'})",
    "CREATE (:Memory {id: 'b', title: 'U', x: 0.1 + 0.2, y: 1e300, z: [0.1 + 0.2, [1.0 / 3.0]]})",
    "MATCH (a {id: 'a'}), (b {id: 'b'}) CREATE (a)-[:R {id: 'r', d: date('2024-03-02'), s: 0.1 + 0.2}]->(b)",
    "CREATE (:`label: with colon`:Second {id: 'c', `a name`: true}), ({id: 'no label'})",
];

fn look(scene: &Scene, graph: &str) -> String {
    let mut client = scene.client();
    let nodes = "MATCH (n) RETURN labels(n), n ORDER BY n.id, n.title";
    let typed = "MATCH (n) UNWIND keys(n) AS k RETURN n.id, k, typeOf(n[k]), n[k] ORDER BY n.id, n.title, k";
    let edges = "MATCH (a)-[r]->(b) RETURN a.id, b.id, type(r), typeOf(r.d), r.d, r.s = 0.1 + 0.2 ORDER BY r.id";
    [nodes, typed, edges]
        .map(|query| without_ids(&client.look(graph, query)))
        .join("\n")
}

/// The server numbers its nodes as they come.
fn without_ids(answer: &str) -> String {
    let mut lines: Vec<&str> = answer.lines().collect();
    let number = |line: &str| line.trim().parse::<u64>().is_ok();
    let mut at = 1;
    while at < lines.len() {
        if lines[at - 1].trim() == "id" && number(lines[at]) {
            lines.remove(at);
        }
        at += 1;
    }
    lines.join("\n")
}

fn graph(socket: &Path, name: &str) -> String {
    let socket = socket.display().to_string().replace('/', "%2F");
    format!("falkordb://localhost/{name}?socket={socket}")
}

/// From graph to graph nothing is lost, not even a type: into a new one, and into one that
/// is there, which goes another way.
#[test]
fn what_only_a_graph_server_has_comes_over_as_it_is() {
    let scene = Scene::new(Store::FalkorDb, Before::New);
    let mut client = scene.client();
    for query in MADE {
        let answer = client.query("first", query);
        assert!(answer.contains("created"), "{answer}");
    }
    client.query("there", "CREATE (n) DELETE n");
    let before = look(&scene, "first");
    for name in ["new", "there"] {
        let (from, to) = (
            graph(&scene.socket(), "first"),
            graph(&scene.socket(), name),
        );
        let out = scene
            .command(&["migrate", "--yes", "--from", &from, "--to", &to])
            .output()
            .unwrap();
        let losses = said(&out);
        assert!(out.status.success(), "{losses}");
        let after = look(&scene, name);
        let (before, after) = (lines(&before), lines(&after));
        let lost: Vec<_> = before.iter().filter(|l| !after.contains(l)).collect();
        assert!(lost.is_empty(), "{name}: {lost:?}\n{after:#?}");
    }
}

/// Where nodes were removed, the server's ids go far beyond the number of nodes.
#[test]
fn nodes_behind_gaps_are_read_and_found_again() {
    let scene = Scene::new(Store::FalkorDb, Before::New);
    let mut client = scene.client();
    for query in [
        "UNWIND range(1, 3000) AS i CREATE (:Memory {id: 'm' + toString(i), title: 'T'})",
        "MATCH (a), (b) WHERE ID(a) = 2048 AND ID(b) = 2999 CREATE (a)-[:R {id: 'r'}]->(b)",
        "MATCH (n) WHERE NOT ID(n) IN [0, 7, 2048, 2999] DELETE n",
    ] {
        let answer = client.query("gaps", query);
        assert!(
            answer.contains("deleted") || answer.contains("created"),
            "{answer}"
        );
    }
    let (gaps, filled) = (
        graph(&scene.socket(), "gaps"),
        graph(&scene.socket(), "filled"),
    );
    let all = |client: &mut crate::server::Client, name| {
        [
            "MATCH (n) RETURN n.id ORDER BY n.id",
            "MATCH (a)-[r]->(b) RETURN a.id, r.id, b.id",
        ]
        .map(|query| lines(&client.look(name, query)))
        .concat()
        .into_iter()
        .filter(|line| !line.contains("time"))
        .collect::<Vec<_>>()
    };
    let migrate = |from: &str, to: &str| {
        let out = scene
            .command(&["migrate", "--yes", "--from", from, "--to", to])
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", said(&out));
        said(&out)
    };
    migrate(&gaps, &filled);
    let there = all(&mut client, "gaps");
    assert_eq!(
        there.iter().filter(|line| line.starts_with('m')).count(),
        6,
        "{there:?}"
    );
    assert_eq!(there, all(&mut client, "filled"));
    // The other way, all is found in its place.
    let again = migrate(&filled, &gaps);
    assert!(again.contains("nothing to write"), "{again}");
    assert_eq!(there, all(&mut client, "gaps"));
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|l| l.trim().to_owned()).collect()
}

/// A list of several types, or of lists, has no such form there. It stands as JSON text,
/// its record says so, and memferry reads it back exactly.
#[test]
fn dates_among_other_values_of_a_list_come_over_as_text_that_is_read_back() {
    let scene = Scene::new(Store::FalkorDb, Before::New);
    let mut client = scene.client();
    let made = "CREATE (:Memory {id: 'a', title: 'T', l: [date('2024-03-01'), 1, 'x'], n: [[localtime('12:00:01')]]})";
    assert!(client.query("first", made).contains("created"));
    let socket = scene.socket();
    let (first, second) = (graph(&socket, "first"), graph(&socket, "second"));
    let file = format!("sqlite:{}", scene.path("between.db").display());
    for (from, to) in [(&first, &file), (&file, &second)] {
        let args = ["migrate", "--yes", "--from", from, "--to", to];
        let out = scene.command(&args).output().unwrap();
        assert!(out.status.success(), "{}", said(&out));
    }
    let seen = client.look("second", "MATCH (m) RETURN m.memferry, m.l, m.n");
    for text in [
        r#"{"/l": "list", "/n": "list"}"#,
        r#"[{"$date": "2024-03-01"}, 1, "x"]"#,
        r#"[[{"$time": "12:00:01"}]]"#,
    ] {
        assert!(seen.contains(text), "{seen}");
    }
    let out = scene.command(&["diff", &first, &second]).output();
    let out = out.unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}
