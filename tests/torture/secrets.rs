//! A key leaves by one door, the header of a request to the origin it was configured for. Keys of many shapes go through
//! runs that succeed and runs that fail in each way, against endpoints that repeat them; afterwards no file of the home
//! and nothing that was printed holds them, in any of four encodings.

use crate::cli_support::Home;
use crate::server::{Answer, Server};
use crate::support::count;
use serde_json::json;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

fn shapes() -> Vec<String> {
    let long = "Zx9".repeat(170);
    [
        "sk-canary-7f3a9c1e5b2d8f60",
        "sk-proj-Ab12Cd34_Ef56-Gh78Ij90Kl12",
        "sk-ant-api03-Qw3rTy-uIoP_AsDf-1234AA",
        "sk-or-v1-0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "gsk_Hy7uJk9lMn3bVc5xZa1sDf2gH4jK6lPo",
        "hf_QwErTyUiOpAsDfGhJkLzXcVbNm",
        "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xai-1234567890abcdefCANARY",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ",
        "6f1d7a52-93bb-4c1e-8a3e-0c5b1fcanary",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f0canary",
        "Y2FuYXJ5K3NlY3JldC8vPT0+/canary+key==",
        "canary\"with\"quotes",
        "canary\\with\\backslashes",
        "canary%20with%2Fpercents",
        "canary with spaces in it",
        "canary$HOME`id`{{x}}",
        "user:canary:colons@host",
    ]
    .map(String::from)
    .into_iter()
    .chain([long])
    .collect()
}

fn base64(bytes: &[u8]) -> String {
    const TABLE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks_exact(3) {
        let n = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        out.extend([18, 12, 6, 0].map(|shift| TABLE[(n >> shift & 63) as usize] as char));
    }
    out
}

/// The key as it is, as hex, as base64 (at each of the three offsets it can have inside a longer text), as percent
/// escapes; and as JSON writes it, which for most keys is the key itself.
fn needles(key: &str) -> Vec<Vec<u8>> {
    let quoted = serde_json::to_string(key).unwrap();
    let percent: String = key
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let hex: String = key.bytes().map(|b| format!("{b:02x}")).collect();
    let mut all = vec![key.to_owned(), quoted.trim_matches('"').to_owned(), percent, hex.to_uppercase(), hex];
    // As .NET and Go write it in JSON.
    let unicode =
        |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("\\u{b:04x}") };
    all.push(key.bytes().map(unicode).collect());
    all.extend((0..3).map(|skip| base64(&key.as_bytes()[skip..])));
    all.into_iter().map(String::into_bytes).collect()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|w| w == needle)
}

/// Every file below a folder.
fn files(folder: &Path, out: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

fn leaks(key: &str, home: &Path, said: &[(String, Output)]) -> Vec<String> {
    let streams = |(what, out): &(String, Output)| {
        [(format!("stdout of {what}"), out.stdout.clone()), (format!("stderr of {what}"), out.stderr.clone())]
    };
    leaks_among(key, home, said.iter().flat_map(streams).collect())
}

/// Which of these, and which files of the home, hold the key.
pub fn leaks_among(key: &str, home: &Path, mut sinks: Vec<(String, Vec<u8>)>) -> Vec<String> {
    files(home, &mut sinks);
    let needles = needles(key);
    let hit = |bytes: &[u8]| needles.iter().any(|n| holds(bytes, n));
    sinks.into_iter().filter(|(_, bytes)| hit(bytes)).map(|(place, _)| place).collect()
}

fn with_key(home: &Home, key: &str, args: &[&str]) -> (String, Output) {
    let mut command = home.command(args);
    let out = command
        .env("CANARY_VARIABLE", key)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    (args.join(" "), out)
}

/// A run and all that can be asked about it afterwards.
fn through_every_sink(key: &str, answer: Answer) -> (Vec<String>, usize) {
    // The first request is discovery: it must succeed for the run itself to meet the fault.
    let server = Server::start(move |n| if n == 0 { Answer::Good } else { answer });
    let home = Home::new();
    home.file(
        ".config/assize/config.toml",
        server.config(&format!(
            "api_key_env = \"CANARY_VARIABLE\"\nmax_wait_s = 1\ntimeout_s = 5\n\
             [judge.c]\nbase_url = \"http://127.0.0.1:{}/v1\"\nmodel = \"m\"\nbackoff_ms = 1\nmax_wait_s = 1\ntimeout_s = 5\n\
             api_key_command = \"printenv CANARY_VARIABLE\"\n",
            server.port
        )),
    );
    let item = |arm: &str| json!({"id": "1", "arm": arm, "prompt": "x", "response": "y"}).to_string();
    home.file("i.jsonl", format!("{}\n{}\n", item("a"), item("b")));
    let mut said = vec![
        with_key(&home, key, &["judge", "check", "j"]),
        with_key(&home, key, &["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"]),
        with_key(
            &home,
            key,
            &["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j", "--json"],
        ),
        with_key(&home, key, &["runs", "--json"]),
    ];
    let runs: serde_json::Value = serde_json::from_slice(&said[3].1.stdout).unwrap();
    let run = runs["runs"][0]["run"].as_str().unwrap().to_owned();
    let (criteria, judge) = (["--criteria", "accuracy"], ["--judge", "j"]);
    let pairwise = [&["run", "pairwise", "a", "b"][..], &criteria, &judge].concat();
    let batch = [&["run", "--batch", "--items", "i.jsonl"][..], &criteria, &judge].concat();
    let by_command = [&["run", "--items", "i.jsonl"][..], &criteria, &["--judge", "c"]].concat();
    let more: [&[&str]; 21] = [
        &by_command,
        &pairwise,
        &batch,
        &["judge", "check", "c"],
        &["judge", "check", "j", "--stress"],
        &["gate", "--baseline", "a", "--candidate", "b", "--junit", "gate.xml", "--github"],
        &["export", "--out", "all.jsonl"],
        &["review", "export", &run, "--csv", "sheet.csv"],
        &["run", "compare", "a", "b", "--json"],
        &["run", "show", &run],
        &["run", "show", &run, "--items"],
        &["run", "show", &run, "--items", "--json"],
        &["run", "export", &run, "--full"],
        &["run", "retry", &run],
        &["judge", "list", "--json"],
        &["config", "show", "--origin"],
        &["config", "show", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["fsck"],
        &["backup", "copy.db"],
    ];
    said.extend(more.iter().map(|args| with_key(&home, key, args)));
    let heads = server.heads.lock().unwrap();
    let sent = heads.iter().filter(|h| h.contains(&format!("Bearer {key}"))).count();
    assert_eq!(sent, heads.len(), "the key is sent where it belongs");
    (leaks(key, home.path(), &said), sent)
}

#[test]
fn keys_of_twenty_shapes_reach_no_sink() {
    let other = Server::start(|_| Answer::Good);
    let answers = [
        Answer::QuotesKey,
        Answer::Error(401),
        Answer::Error(500),
        Answer::Junk,
        Answer::Elsewhere(other.port),
        Answer::Error(400),
        Answer::Escaped(401),
        Answer::QuotesEscaped,
    ];
    let (mut found, mut sent) = (Vec::new(), 0);
    for (i, key) in shapes().iter().enumerate() {
        for answer in answers.iter().cycle().skip(i).take(count(1, answers.len()).min(answers.len())) {
            let (leaks, requests) = through_every_sink(key, *answer);
            sent += requests;
            found.extend(leaks.into_iter().map(|place| format!("{key} after {answer:?}: {place}")));
        }
    }
    assert_eq!(found, Vec::<String>::new());
    assert!(sent > shapes().len(), "only {sent} requests carried a key");
    assert_eq!(other.heads.lock().unwrap().len(), 0, "a redirect was followed");
    eprintln!("{} shapes, {sent} requests with a key, no hits", shapes().len());
}

/// The shape that is escaped at all, and both answers that escape: the test above reaches only some pairs at small counts.
#[test]
fn a_key_that_comes_back_escaped_reaches_no_sink() {
    for answer in [Answer::Escaped(401), Answer::Escaped(400), Answer::QuotesEscaped] {
        let (leaks, sent) = through_every_sink("Y2FuYXJ5K3NlY3JldC8vPT0+/canary+key==", answer);
        assert_eq!(leaks, Vec::<String>::new(), "{answer:?}");
        assert!(sent > 0);
    }
}

#[test]
fn a_leak_would_be_found_in_each_encoding() {
    let home = Home::new();
    let key = "sk-canary/one+two";
    for (i, needle) in needles(key).into_iter().enumerate() {
        let mut bytes = b"some text before ".to_vec();
        bytes.extend(needle);
        home.file(&format!("leak{i}"), bytes);
    }
    assert_eq!(leaks(key, home.path(), &[]).len(), 9);
    assert!(leaks("sk-another", home.path(), &[]).is_empty());
    // And by the program's own hand: a key pasted into a prompt is found in the registry, until it is forgotten.
    let home = Home::new();
    let version = home.register("p", format!("use {key}"))["digest"].as_str().unwrap().to_owned();
    assert!(!leaks(key, home.path(), &[]).is_empty());
    home.text(&["forget", &version, "--confirm", version.get(..8).unwrap()]);
    assert_eq!(leaks(key, home.path(), &[]), Vec::<String>::new());
}

#[test]
fn no_key_is_taken_from_files_or_sent_to_places_where_it_does_not_belong() {
    let home = Home::new();
    home.file(
        "i.jsonl",
        json!({"id": "1", "prompt": "x", "response": "y", "base_url": "http://evil", "api_key": "sk-x"})
            .to_string(),
    );
    for (text, code) in [
        ("[judge.j]\nbase_url = \"http://example.com/v1\"\nmodel = \"m\"\napi_key_env = \"K\"\n", 2),
        ("[judge.j]\nbase_url = \"http://169.254.169.254/v1\"\nmodel = \"m\"\n", 2),
        ("[judge.j]\nbase_url = \"http://[::ffff:a9fe:a9fe]/v1\"\nmodel = \"m\"\nallow_http = true\n", 2),
        ("[judge.j]\nbase_url = \"http://[64:ff9b::a9fe:a9fe]/v1\"\nmodel = \"m\"\nallow_http = true\n", 2),
        ("[judge.j]\nbase_url = \"https://169.254.169.254.nip.io/v1\"\nmodel = \"m\"\n", 2),
        ("[judge.j]\nbase_url = \"https://metadata.google.internal/v1\"\nmodel = \"m\"\n", 2),
        ("[judge.j]\nbase_url = \"https://u:p4ssw0rd@example.com/v1\"\nmodel = \"m\"\n", 2),
        (
            "[judge.j]\nbase_url = \"https://example.com/v1\"\nmodel = \"m\"\napi_key = \"sk-literal-canary\"\n",
            2,
        ),
    ] {
        home.file(".config/assize/config.toml", text);
        let begun = Instant::now();
        let (_, out) = with_key(
            &home,
            "sk-canary",
            &["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"],
        );
        let words = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{text}: {words}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
        assert!(
            !words.contains("p4ssw0rd") && !words.contains("sk-literal") && !words.contains("sk-canary"),
            "{words}"
        );
    }
}

/// A server with a certificate that nobody has signed.
#[test]
fn a_certificate_that_nobody_signed_is_refused_before_the_key_is_sent() {
    let home = Home::new();
    let made = home.command(&[]).get_current_dir().map(|_| {
        std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(home.path())
            .output()
    });
    if !made.and_then(Result::ok).is_some_and(|out| out.status.success()) {
        eprintln!("SKIPPED: openssl is not there, so no certificate could be made");
        return;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = std::process::Command::new("openssl")
        .args(["s_server", "-accept", &port.to_string(), "-key", "key.pem", "-cert", "cert.pem", "-www"])
        .current_dir(home.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::yield_now();
    }
    home.file(
        ".config/assize/config.toml",
        format!("[judge.j]\nbase_url = \"https://localhost:{port}/v1\"\nmodel = \"m\"\napi_key_env = \"CANARY_VARIABLE\"\n"),
    );
    let (_, out) = with_key(&home, "sk-canary-tls", &["judge", "check", "j"]);
    server.kill().unwrap();
    let seen = server.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&out.stderr).to_lowercase()
        + &String::from_utf8_lossy(&out.stdout).to_lowercase();
    assert!(!out.status.success() && words.contains("certificate"), "{words}");
    assert!(!holds(&seen.stdout, b"sk-canary-tls") && !holds(&seen.stderr, b"sk-canary-tls"));
}
