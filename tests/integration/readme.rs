//! Every command of the README is run, in its order, in a fresh home; pictures it shows are there; the documents that
//! are made from tables are up to date.
use std::path::Path;
use std::process::Command;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const README: &str = include_str!("../../README.md");

/// The lines after `$ ` in console blocks.
fn commands() -> Vec<&'static str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in README.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => found.extend(line.strip_prefix("$ ").filter(|_| inside)),
        }
    }
    found
}

fn stage(home: &Path) {
    std::fs::write(home.join("prompt.txt"), "Summarise: {{ ticket }}\n").unwrap();
    let mut items = String::new();
    // So many cases as a gate's margin of 0.2 needs, and some more.
    for i in 0..80 {
        for arm in ["baseline", "candidate"] {
            items += &serde_json::json!({"id": format!("c{i}"), "arm": arm, "prompt": "Say hello.", "response": format!("hello {i} {arm}")}).to_string();
            items.push('\n');
        }
    }
    std::fs::write(home.join("items.jsonl"), items).unwrap();
    let repo = home.join("code/app/prompts");
    std::fs::create_dir_all(&repo).unwrap();
    std::fs::write(repo.join("greet.md"), "Greet {{ name }}.\n").unwrap();
    let git = |args: &[&str]| {
        let done = Command::new("git")
            .args([
                "-C",
                home.join("code/app").to_str().unwrap(),
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.c",
            ])
            .args(args)
            .env("HOME", home)
            .output();
        assert!(done.unwrap().status.success(), "git {args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
}

async fn judge() -> MockServer {
    let server = MockServer::start().await;
    let verdict = serde_json::json!({"evidence": ["hello"], "explanation": "It greets.", "injection_suspected": false, "score": 4}).to_string();
    let body = serde_json::json!({
        "id": "x", "object": "chat.completion", "model": "qwen3",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": verdict}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    });
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    let models = serde_json::json!({"object": "list", "data": [{"id": "qwen3", "object": "model"}]});
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(models))
        .mount(&server)
        .await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_readme_runs() {
    let home = tempfile::tempdir().unwrap();
    stage(home.path());
    let server = judge().await;
    let binary = Path::new(env!("CARGO_BIN_EXE_assize")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    assert!(commands().len() >= 8, "{:?}", commands());
    for command in commands() {
        let line = command.replace("http://127.0.0.1:8080", &server.uri());
        let home_dir = home.path().to_owned();
        let path = path.clone();
        let out = tokio::task::spawn_blocking(move || {
            Command::new("sh")
                .arg("-c")
                .arg(&line)
                .env_clear()
                .env("HOME", &home_dir)
                .env("PATH", &path)
                .current_dir(&home_dir)
                .output()
        });
        let out = out.await.unwrap().unwrap();
        assert!(
            out.status.success(),
            "{command}\n{}\n{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }
}

#[test]
fn the_pictures_it_shows_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shown: Vec<&str> = README
        .split("](")
        .filter_map(|part| part.split(')').next())
        .filter(|p| p.ends_with(".png") || p.ends_with(".md"))
        .collect();
    assert!(shown.len() >= 6);
    for file in shown {
        assert!(root.join(file).is_file(), "{file} is missing");
    }
}

#[test]
fn the_page_of_keys_is_the_table_of_keys() {
    use assize::tui::keys::{Keymap, TABLE};
    let map = Keymap::default();
    let mut page = String::from(
        "# Keys\n\nMade from the one table of keys; `UPDATE_DOCS=1 cargo test --test integration readme` writes it anew. Change a key in\n`config.toml`: `[ui.keys]` then `\"diff.Fold\" = \"F\"`.\n",
    );
    let mut last = None;
    for binding in TABLE {
        if last != Some(binding.scope) {
            page += &format!(
                "\n## {}\n\n| keys | action | what it does |\n|---|---|---|\n",
                binding.scope.name()
            );
        }
        last = Some(binding.scope);
        let keys: Vec<String> = binding.keys.split_whitespace().map(|k| format!("`{k}`")).collect();
        page += &format!(
            "| {} | {} | {} |\n",
            keys.join(" "),
            binding.action.id(),
            map.filled(binding.scope, binding.help)
        );
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        page,
        "run UPDATE_DOCS=1 cargo test --test integration readme"
    );
}
