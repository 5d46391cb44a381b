//! Templates that a generator writes, most of them sound, some made to grow: in repetition, in nesting, by doubling, through
//! each filter, loop and macro, with sizes from none to more than any machine has. Every one of them is answered: by a
//! text, or by words; within the time and the memory that docs/reliability.md names, and no process that asks for one
//! ends by it. The sizes are made here, and none is kept: what stops one engine today stops another tomorrow.

use crate::cli_support::{Home, err};
use crate::support::{Rng, StopsAll, cores, count, side_by_side};
use crate::tty_support::Tty;
use assize::core::template::{Syntax, TemplateError, render};
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What one template may take, start of a process included, on a machine that does other things too.
const TIME: Duration = Duration::from_secs(2);
/// The most memory of one process, in KiB.
const MEMORY: u64 = 256 << 10;

fn install() {
    assize::worker_process::install_program(env!("CARGO_BIN_EXE_assize").into());
}

/// A number: small mostly, seldom of any size.
fn size(rng: &mut Rng) -> u64 {
    match rng.below(40) {
        0 => 1 << rng.below(63),
        1 => 1 << rng.below(24),
        2..6 => rng.below(2_000) as u64,
        _ => rng.below(12) as u64,
    }
}

const FILTERS: [&str; 34] = [
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "length",
    "first",
    "last",
    "list",
    "string",
    "sort",
    "reverse",
    "unique",
    "items",
    "dictsort",
    "tojson",
    "pprint",
    "join",
    "lines",
    "split",
    "sum",
    "min",
    "max",
    "int",
    "float",
    "bool",
    "abs",
    "chain",
    "zip",
    "e",
    "safe",
    "map('upper')",
    "select",
    "groupby(0)",
];

fn expression(rng: &mut Rng, deep: usize) -> String {
    if deep == 0 || rng.below(3) == 0 {
        return match rng.below(9) {
            0 => size(rng).to_string(),
            1 => format!("'{}'", "ab ".repeat(rng.below(4))),
            2 => "''".to_owned(),
            _ => (*rng.pick(&["a", "b", "l", "o", "n", "x", "ns.x", "loop.index"])).to_owned(),
        };
    }
    let mut one = || expression(rng, deep - 1);
    let (left, right) = (one(), one());
    match rng.below(22) {
        0 => format!("({left} ~ {right})"),
        1 => format!("({left} + {right})"),
        2 => format!("({left} * {})", size(rng)),
        3 => format!("({left} ** {})", size(rng)),
        4 => format!("[{left}, {right}]"),
        5 => format!("{{'k': {left}, 'm': {right}}}"),
        6 => format!("({left})[{}:{}]", size(rng), size(rng)),
        7 => format!("range({})", size(rng)),
        8 => format!("({left})|replace('{}', {right})", if rng.below(2) == 0 { "" } else { "a" }),
        9 => format!("({left})|indent({})", size(rng)),
        10 => format!("({left})|join({right})"),
        11 => format!("'%{}{}'|format({left})", size(rng), rng.pick(&["d", "s", ".3f", "x"])),
        12 => format!("({left})|batch({})", size(rng)),
        13 => format!("({left})|slice({})", size(rng)),
        14 => format!("({left})|tojson(indent={})", size(rng)),
        15 => format!("({left})|round({})", size(rng)),
        16 => format!("({left} in {right})"),
        17 => format!("({left} == {right})"),
        18 => format!("({left} if {right} else a)"),
        19 => format!("({left})|default({right})"),
        _ => format!("({left})|{}", rng.pick(&FILTERS)),
    }
}

fn repeated(rng: &mut Rng, text: &str) -> String {
    text.repeat(if rng.below(20) == 0 { rng.below(60) } else { rng.below(4) })
}

/// A piece of a template, with others in it.
fn statement(rng: &mut Rng, deep: usize) -> String {
    let value = expression(rng, 2);
    if deep == 0 {
        return format!("{{{{ {value} }}}}");
    }
    let inner = statement(rng, deep - 1);
    match rng.below(17) {
        0 => format!("{{% for x in {value} %}}{inner}{{% endfor %}}"),
        1 => format!("{{% for i in range({}) %}}{inner}{{% endfor %}}", size(rng)),
        2 => repeated(rng, &format!("{{% set x = {value} %}}")) + &inner,
        3 => repeated(rng, "{% set x = x ~ x %}") + &inner,
        4 => repeated(rng, "{% set x = [x, x] %}") + &inner,
        5 => repeated(rng, "{% set x = x + x %}") + &inner,
        6 => repeated(rng, "{% set x = x|replace('', x) %}") + &inner,
        7 => format!("{{% for i in range({}) %}}{{% set ns.x = [ns.x] %}}{{% endfor %}}{inner}", size(rng)),
        8 => format!(
            "{{% for i in range({}) %}}{{% set ns.x = ns.x ~ {value} %}}{{% endfor %}}{inner}",
            size(rng)
        ),
        9 => format!("{{% for i in range({}) %}}{{% set ns.x = ns.x[1:] %}}{{% endfor %}}{inner}", size(rng)),
        10 => format!(
            "{{% for i in range({}) %}}{{% set ns.x = ns.x|chain(l) %}}{{% endfor %}}{inner}",
            size(rng)
        ),
        11 => format!(
            "{{% for i in range({}) %}}{{% set ns.x = {{'k': ns.x}} %}}{{% endfor %}}{inner}",
            size(rng)
        ),
        12 => format!(
            "{{% macro m(x) %}}{inner}{{% if x %}}{{{{ m({value}) }}}}{{% endif %}}{{% endmacro %}}{{{{ m({value}) }}}}"
        ),
        13 => format!("{{% filter {} %}}{inner}{{% endfilter %}}", rng.pick(&FILTERS)),
        14 => format!("{{% if {value} %}}{inner}{{% else %}}{{{{ a }}}}{{% endif %}}"),
        15 => format!("{{% for x in l recursive %}}{inner}{{{{ loop([{value}]) }}}}{{% endfor %}}"),
        _ => format!("{inner}{{{{ {value} }}}}"),
    }
}

fn template(seed: u64) -> String {
    let mut rng = Rng::new(seed);
    let deep = 1 + rng.below(3);
    let pieces: String = (0..1 + rng.below(3)).map(|_| statement(&mut rng, deep)).collect();
    // Half of them may grow from something.
    let begin = if rng.below(2) == 0 { "{% set x = 'ab' %}{% set ns = namespace(x='ab') %}" } else { "" };
    format!("{begin}{pieces}")
}

fn values() -> Map<String, Value> {
    let value = json!({"a": "a text", "b": "b", "l": ["one", "two", 3], "o": {"k": "v", "m": [1, {"n": 0.5}]}, "n": 7, "x": "x"});
    value.as_object().unwrap().clone()
}

/// The most memory that this process and the ones it started have had so far, in KiB.
fn peaks() -> Vec<u64> {
    let own = std::process::id().to_string();
    let status = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let number = |text: &str, name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().into_string().ok());
    let of = |pid: String| {
        let text = status(&pid);
        let is_ours = pid == own || number(&text, "PPid:").is_some_and(|parent| parent.to_string() == own);
        number(&text, "VmHWM:").filter(|_| is_ours)
    };
    pids.filter_map(of).collect()
}

/// In a process of its own: the memory of this one is that of all tests beside it.
#[test]
fn every_template_is_answered_in_time_and_within_memory() {
    let alone = ["--ignored", "--exact", "templates::alone", "--nocapture", "--test-threads=1"];
    let ended = std::process::Command::new(std::env::current_exe().unwrap()).args(alone).status().unwrap();
    assert!(ended.success(), "{ended}");
}

#[test]
#[ignore = "started by the test above, in a process of its own"]
fn alone() {
    install();
    let (many, values) = (count(1_200, 1_000_000), values());
    let next = AtomicUsize::new(0);
    let (texts, costly, longest) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let highest = AtomicU64::new(0);
    side_by_side(cores(), || {
        let going_on = StopsAll(&next);
        while let Some(at) = going_on.next().filter(|at| *at < many) {
            let text = template(at as u64);
            let begun = Instant::now();
            let rendered = render(&text, Syntax::Jinja, &values);
            let mut took = begun.elapsed();
            if took > TIME {
                // The machine may have been busy with something else; a template is as slow a second time.
                let again = Instant::now();
                let _ = render(&text, Syntax::Jinja, &values);
                took = again.elapsed();
            }
            assert!(took <= TIME, "seed {at} took {took:?}");
            longest.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
            match rendered {
                Ok(_) => texts.fetch_add(1, Ordering::Relaxed),
                Err(TemplateError::TooCostly) => costly.fetch_add(1, Ordering::Relaxed),
                Err(TemplateError::Unavailable(why)) => panic!("seed {at}: {why}"),
                Err(_) => 0,
            };
            if at % 64 == 0 {
                let peak = peaks().into_iter().max().unwrap_or(0);
                highest.fetch_max(peak, Ordering::Relaxed);
                assert!(peak <= MEMORY, "about seed {at}: {peak} KiB");
            }
        }
    });
    let (texts, costly) = (texts.into_inner(), costly.into_inner());
    eprintln!(
        "{many} templates: {texts} gave a text, {costly} were stopped; the longest took {} ms, the largest process {} MiB",
        longest.into_inner(),
        highest.into_inner() >> 10
    );
    // The generator's own twins: it writes what renders, and what has to be stopped.
    assert!(texts as usize > many / 20 && costly > 0, "{texts} {costly}");
}

/// Kinds of growth, each with the size that it is given; the bounds hold at any.
fn kinds(n: u64) -> Vec<(&'static str, String)> {
    let doublings = n.min(50) as usize;
    vec![
        (
            "doubled text",
            "{% set x = 'ab' %}".to_owned() + &"{% set x = x ~ x %}".repeat(doublings) + "{{ x }}",
        ),
        (
            "doubled lists",
            "{% set x = ['ab'] %}".to_owned() + &"{% set x = [x, x] %}".repeat(doublings) + "{{ x }}",
        ),
        (
            "a nest",
            format!(
                "{{% set ns = namespace(x=[]) %}}{{% for i in range({n}) %}}{{% for k in range({n}) %}}{{% set ns.x = [ns.x] %}}{{% endfor %}}{{% endfor %}}{{{{ ns.x }}}}"
            ),
        ),
        ("an indent", format!("{{{{ ('a\n' * 1000)|indent({n}) }}}}")),
        ("a width", format!("{{{{ '%{n}d'|format(1) }}}}")),
        ("a repetition", format!("{{{{ 'ab' * {n} }}}}")),
    ]
}

#[test]
fn costly_templates_end_in_words_in_every_verb_and_nothing_else_does() {
    let home = Home::new();
    home.file(
        "c.jsonl",
        "{\"id\": \"1\", \"vars\": {\"a\": \"x\"}}\n{\"id\": \"2\", \"vars\": {\"a\": \"y\"}}\n",
    );
    home.text(&["import", "cases", "c.jsonl", "--set", "c"]);
    let judge = "http://127.0.0.1:1/v1#m";
    for (at, (kind, text)) in kinds(1 << 40).into_iter().chain(kinds(99_999)).chain(kinds(3)).enumerate() {
        let name = format!("p{at}");
        home.register(&name, format!("{text}{{{{ a }}}}"));
        let arm = ["--arm", &name, "--criteria", "accuracy", "--judge", judge, "--model", judge];
        let verbs: [Vec<&str>; 4] = [
            vec!["get", &name, "--var", "a=x"],
            vec!["tokens", &name, "--cases", "c"],
            [&["run", "--dry-run", "--cases", "c"][..], &arm].concat(),
            [&["run", "--cases", "c"][..], &arm].concat(),
        ];
        // With small counts the larger ones meet one verb only: each verb meets what is stopped below them.
        let met = if at < 6 { count(1, verbs.len()) } else { verbs.len() };
        for verb in verbs.into_iter().take(met) {
            let begun = Instant::now();
            let out = home.run(&verb);
            let words =
                err(&out) + &String::from_utf8_lossy(&out.stdout).chars().take(2_000).collect::<String>();
            let took = begun.elapsed();
            assert!(out.status.code().is_some(), "{kind}: {verb:?} ended by a signal: {words}");
            // Two cases, a start, and an endpoint that is not there.
            assert!(took < TIME * 8, "{kind}: {verb:?} took {took:?}");
            assert!(!words.contains("panicked"), "{words}");
            if verb[0] == "get" && at < 6 {
                assert!(
                    !out.status.success()
                        && (words.contains("rendering was stopped") || words.contains("line 1")),
                    "{kind}: {words}"
                );
            }
            if verb[0] == "get" && at >= 12 {
                assert!(out.status.success(), "{kind}: of three, it is rendered: {words}");
            }
        }
    }
}

#[test]
fn a_costly_template_does_not_hold_the_screen() {
    let home = Home::new();
    home.file("c.jsonl", "{\"id\": \"1\", \"vars\": {\"a\": \"a word\"}}\n");
    home.text(&["import", "cases", "c.jsonl", "--set", "c"]);
    let (_, heavy) = kinds(99_999).remove(2);
    home.register("a-heavy", format!("{heavy}{{{{ a }}}}"));
    home.register("b-light", "Say {{ a }} in one line.");
    let mut tty = Tty::run(home.path(), &[env!("CARGO_BIN_EXE_assize")], &[]);
    tty.wait("namespace(");
    tty.press("p");
    // At once, while it is at work.
    tty.press("j");
    let begun = Instant::now();
    tty.wait("Say a word in one line.");
    assert!(begun.elapsed() < TIME * 4, "{:?}", begun.elapsed());
    tty.press("k");
    tty.wait("rendering was stopped");
    tty.press("q");
    tty.ends_as_it_began("a costly template");
}

#[test]
fn a_large_pattern_over_a_long_response_decides_nothing_and_a_small_one_does() {
    install();
    let check = |pattern: &str| -> assize::core::checks::Check {
        serde_json::from_value(json!({"name": "c", "kind": "regex", "pattern": pattern})).unwrap()
    };
    // Sizes of the pattern's states times the response's bytes: beyond what is waited for.
    let response = "ab\u{e9} ".repeat(1 << 18);
    let begun = Instant::now();
    let outcome = check("(\\w{1,30}[^x]{1,30}){2}q$").run(&response, None);
    assert!(begun.elapsed() <= TIME * 5, "{:?}", begun.elapsed());
    assert!(["n/a", "fail"].contains(&outcome.word()), "{outcome:?}");
    for (pattern, word) in [("\u{e9} ab", "pass"), ("^b", "fail")] {
        assert_eq!(check(pattern).run(&response, None).word(), word);
    }
}

#[test]
fn the_process_that_renders_has_no_environment_no_dumps_and_bounds() {
    install();
    // Not plain, so that it is rendered there.
    assert_eq!(render("{% set x = a ~ n %}{{ x }}", Syntax::Jinja, &values()).unwrap(), "a text7");
    let own = std::process::id();
    let mut seen = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let of = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        if !of("cmdline").ends_with("__aside\0") || !of("status").contains(&format!("PPid:\t{own}\n")) {
            continue;
        }
        seen += 1;
        assert_eq!(of("environ"), "");
        let limits = of("limits");
        let limit = |name: &str| limits.lines().find(|l| l.starts_with(name)).unwrap_or_default().to_owned();
        assert!(limit("Max core file size").split_whitespace().any(|word| word == "0"), "{limits}");
        assert!(!limit("Max data size").contains("unlimited"), "{limits}");
    }
    assert!(seen > 0 || !cfg!(target_os = "linux"), "one is kept for the next template");
}
