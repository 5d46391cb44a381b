//! Planning: what is counted, what is warned of, what is refused; generation, recorded verdicts, and what cells sum up to.

use crate::eval_support::{Act, Registry, Scripted, Writing, config, item, items, request};
use assize::core::item::{Case, ImportedVerdict};
use assize::core::prompt::{Selector, Template};
use assize::core::verdict::VerdictState;
use assize::eval::{
    ArmChoice, Control, Progress, RubricChoice, RunRequest, RunScope, execute_stored, summarize,
};
use assize::store::{NewRevision, RunState, Store};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

fn case(id: &str, vars: Value) -> Case {
    serde_json::from_value(json!({"id": id, "vars": vars})).unwrap()
}

fn prompt(name: &str) -> ArmChoice {
    ArmChoice::Prompt { name: name.parse().unwrap(), selector: Selector::LATEST }
}

async fn with_prompt(template: &str, settings: Value, cases: Vec<Case>) -> Registry {
    let registry = Registry::empty();
    let mut revision = NewRevision::new("p".parse().unwrap(), Template::text(template));
    revision.settings.config = serde_json::from_value(settings).unwrap();
    registry
        .handle
        .write(move |s| {
            s.register(revision)?;
            s.import_cases("set", cases)
        })
        .await
        .unwrap();
    registry
}

fn generating() -> RunRequest {
    RunRequest { arms: vec![prompt("p")], model: Some("m".into()), ..request(&["accuracy", "clarity"]) }
}

#[tokio::test]
async fn a_plan_counts_calls_tokens_and_money() {
    let registry = Registry::with_items(items(10)).await;
    let plan = registry.plan(RunRequest { repeats: 3, ..request(&["accuracy", "clarity"]) }).await;
    assert_eq!((plan.calls_judge, plan.calls_generate, plan.cached, plan.refused.clone()), (60, 0, 0, None));
    assert_eq!(plan.run.items.len(), 10);
    assert!(plan.tokens_low > 60 * 150 && plan.tokens_high > 60 * 1000 && plan.tokens_low < plan.tokens_high);
    let (low, high) = (plan.cost_low.unwrap(), plan.cost_high.unwrap());
    // At least the short answers, at most every answer at full length and 3000 tokens read each.
    assert!(
        low > 60.0 * 150.0 * 10e-6
            && high > 60.0 * 1000.0 * 10e-6
            && high < 60.0 * (1000.0 * 10e-6 + 3000.0 * 1e-6)
    );
    assert_eq!(plan.run.spec.judge_config["model"], "jm");
    let free = registry.plan(RunRequest { judge: "free".into(), ..request(&["accuracy"]) }).await;
    assert_eq!((free.cost_low, free.cost_high), (None, None));
}

#[tokio::test]
async fn what_does_not_exist_is_an_input_error_that_names_what_does() {
    let registry = Registry::with_items(items(2)).await;
    let base = || request(&["accuracy"]);
    for (wrong, want) in [
        (RunRequest { judge: "jj".into(), ..base() }, "did you mean 'j'?"),
        (RunRequest { arms: vec![ArmChoice::Imported("nobody".into())], ..base() }, "it has: default"),
        (RunRequest { arms: vec![prompt("nothing")], ..base() }, "no prompt is named 'nothing'"),
        (RunRequest { rubric: RubricChoice::Named("zzz".into()), ..base() }, "answer-quality, summarization"),
        (request(&["accuracy", "accuracy"]), "given twice"),
        (request(&["Is it good?"]), "a whole question goes into a rubric file"),
        (request(&[]), "at least one name"),
        (RunRequest { repeats: 0, ..base() }, "--repeats is at least 1"),
        (RunRequest { judge: "recorded".into(), ..base() }, "assize demo"),
    ] {
        let error = registry.try_plan(wrong).await.unwrap_err();
        assert!(error.to_string().contains(want), "{error} / {want}");
        assert_eq!(error.exit_code(), 2, "{error}");
    }
}

#[tokio::test]
async fn a_cap_in_money_needs_a_price() {
    let registry = Registry::with_items(items(2)).await;
    let capped = RunRequest { judge: "free".into(), max_cost_usd: Some(1.0), ..request(&["accuracy"]) };
    let refused = registry.plan(capped).await.refused.unwrap();
    assert!(
        refused.contains("price_in and price_out in [judge.NAME]") && refused.contains("--max-calls"),
        "{refused}"
    );
    for (max_calls, max_tokens) in [(Some(5), None), (None, Some(5_000))] {
        let capped = RunRequest { judge: "free".into(), max_calls, max_tokens, ..request(&["accuracy"]) };
        assert_eq!(registry.plan(capped).await.refused, None);
    }
    let none = RunRequest { max_tokens: Some(0), ..request(&["accuracy"]) };
    assert!(registry.plan(none).await.refused.unwrap().contains("at least 1"));
}

#[tokio::test]
async fn a_model_on_the_list_has_a_price_with_its_date_and_judging_is_told_apart() {
    let registry = Registry::with_items(items(2)).await;
    let judge = "https://api.openai.com/v1#gpt-4o-mini-2024-07-18";
    let plan = registry.plan(RunRequest { judge: judge.into(), ..request(&["accuracy"]) }).await;
    assert!(plan.price_sources.0.starts_with("list of 20"), "{:?}", plan.price_sources);
    assert_eq!((plan.judging.cost.0, plan.generating.cost.0), (plan.cost_low, Some(0.0)));
    assert!(plan.cost_low.unwrap() > 0.0 && plan.cost_low < plan.cost_high);
    assert_eq!(plan.to_json()["judging"]["price"], json!(plan.price_sources.0));
}

#[tokio::test]
async fn criteria_that_are_not_built_in_are_generic_and_said_to_be() {
    let registry = Registry::with_items(items(1)).await;
    let plan = registry.plan(request(&["accuracy", "zest"])).await;
    assert_eq!(plan.warnings.len(), 1);
    assert!(plan.warnings[0].starts_with("'zest' is not built in"), "{:?}", plan.warnings);
    assert!(plan.run.spec.criteria[1].generic);
}

#[tokio::test]
async fn rows_of_several_arms_go_case_by_case() {
    let both: Vec<_> =
        ["a", "b"].iter().flat_map(|arm| ["c1", "c2"].map(|id| item(id, arm, "text"))).collect();
    let registry = Registry::with_items(both).await;
    let plan = registry.plan(request(&["accuracy"])).await;
    let rows: Vec<_> = plan.run.items.iter().map(|(i, _)| (i.case_id.as_str(), i.arm.as_str())).collect();
    assert_eq!(rows, [("c1", "a"), ("c1", "b"), ("c2", "a"), ("c2", "b")]);
    let one = registry
        .plan(RunRequest { arms: vec![ArmChoice::Imported("b".into())], ..request(&["accuracy"]) })
        .await;
    assert_eq!(one.run.items.len(), 2);
}

#[tokio::test]
async fn prompts_that_cannot_be_run_on_the_cases_are_refused_before_anything_is_sent() {
    let cases = || vec![case("c1", json!({"x": "1"})), case("c2", json!({"y": "2"}))];
    for (template, settings, cases, want) in [
        ("{{ x }}", json!({}), cases(), "1 cases have no value for a variable that p@r1 asks for: c2 (x)"),
        (
            "Fixed.",
            json!({}),
            vec![case("c1", json!({"x": "1"}))],
            "p@r1 uses none of the variables of the cases (x)",
        ),
        (
            "{{ x",
            json!({}),
            vec![case("c1", json!({"x": "1"}))],
            "p@r1 cannot be rendered: case 'c1': line 1",
        ),
    ] {
        let registry = with_prompt(template, settings, cases).await;
        let refused = registry.plan(generating()).await.refused.unwrap();
        assert!(refused.contains(want), "{refused}");
    }
    let registry =
        with_prompt("Fixed.", json!({"input": "x"}), vec![case("c1", json!({"x": "1", "z": "2"}))]).await;
    let plan = registry.plan(generating()).await;
    assert_eq!((plan.refused, plan.calls_generate), (None, 1));
    assert_eq!(plan.warnings, ["p@r1 does not use these variables of the cases: z"]);
    let no_model = RunRequest { model: None, ..generating() };
    assert!(registry.plan(no_model).await.refused.unwrap().contains("--model NAME"));
}

#[tokio::test]
async fn responses_are_generated_once_and_judged_as_often_as_wanted() {
    let cases = (0..4).map(|i| case(&format!("c{i}"), json!({"x": format!("value {i}")}))).collect();
    let registry = with_prompt("Say {{ x }}", json!({}), cases).await;
    let plan = registry.plan(generating()).await;
    assert_eq!((plan.calls_generate, plan.calls_judge), (4, 8));
    assert_eq!(plan.run.items[0].0.arm, "p@r1+mm");
    let id = registry.create(generating()).await;
    let model = Writing::new(|prompt| match prompt {
        "Say value 1" => Ok("  ".into()),
        "Say value 2" => Err(VerdictState::Overflow),
        other => Ok(format!("You said: {other}")),
    });
    let judge = Arc::new(Scripted::new(|r, _| {
        assert!(r.subject.prompt.starts_with("Say value") && r.response.starts_with("You said: Say value"));
        Act::Score(4)
    }));
    let generated = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&generated);
    let tell = move |progress| {
        if let Progress::Generated { item } = progress {
            seen.lock().unwrap().push(item);
        }
    };
    let done = registry
        .go_telling(&id, &judge, Some(Arc::clone(&model) as _), RunScope::Missing, &Control::new(), tell)
        .await
        .unwrap();
    let count = |state| done.verdicts.get(&state).copied().unwrap_or(0);
    assert_eq!(
        (
            done.state,
            count(VerdictState::Scored),
            count(VerdictState::NotGenerated),
            count(VerdictState::Overflow)
        ),
        (RunState::Complete, 4, 2, 2)
    );
    assert_eq!((model.asked.load(Ordering::SeqCst), generated.lock().unwrap().len()), (4, 4));
    // 1 for discovery, 4 to write, 4 to judge.
    assert_eq!(done.usage.calls, 9);
    // Another rubric over the same arm: only what failed is written again.
    let other = RunRequest { rubric: RubricChoice::Criteria(vec!["tone".into()]), ..generating() };
    assert_eq!(registry.plan(other.clone()).await.calls_generate, 2);
    let second = registry.create(other).await;
    registry
        .go_telling(&second, &judge, Some(model.clone() as _), RunScope::Missing, &Control::new(), |_| ())
        .await
        .unwrap();
    assert_eq!(model.asked.load(Ordering::SeqCst), 6);
    // Without a model the stored responses of the one arm that ran this revision are taken.
    let stored = registry.plan(RunRequest { model: None, ..generating() }).await;
    assert_eq!((stored.refused, stored.calls_generate), (None, 0));
}

fn own(id: &str, question: Option<&str>, verdict: Option<u8>) -> assize::core::item::Item {
    let mut item = item(id, "default", "text");
    item.subject.criterion = question.map(str::to_owned);
    item.subject.anchors = Some(["1", "2", "3", "4", "5"].map(|a| format!("{id} {a}")));
    item.verdicts = verdict
        .map(|score| ImportedVerdict {
            label: None,
            criterion: question.unwrap_or("accuracy").into(),
            judge: "gpt".into(),
            repeat: 0,
            score: Some(score),
            explanation: format!("recorded {id}"),
            state: None,
            reply: None,
        })
        .into_iter()
        .collect();
    item
}

#[tokio::test]
async fn items_bring_their_own_questions_or_the_run_is_refused() {
    let registry =
        Registry::with_items(vec![own("a", Some("Does it rhyme?"), None), own("b", Some("accuracy"), None)])
            .await;
    let id = registry.create(RunRequest { rubric: RubricChoice::Own, ..request(&[]) }).await;
    let judge = Arc::new(Scripted::new(|r, _| {
        let (name, question) = (r.criterion.name.as_str(), r.criterion.question.as_str());
        match r.lookup.case_id.as_str() {
            "a" => assert_eq!((name, question), ("own", "Does it rhyme?")),
            _ => assert!(name == "accuracy" && question.contains("correct")),
        }
        assert!(r.criterion.anchors[0].starts_with(&r.lookup.case_id));
        Act::Score(3)
    }));
    let done = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((done.state, done.criteria.as_slice()), (RunState::Complete, &["own".to_owned()][..]));
    let registry =
        Registry::with_items(vec![own("a", Some("Does it rhyme?"), None), own("b", None, None)]).await;
    let refused =
        registry.plan(RunRequest { rubric: RubricChoice::Own, ..request(&[]) }).await.refused.unwrap();
    assert!(
        refused.starts_with("1 of 2 items bring no criterion of their own (the first is 'b')"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_recorded_judge_replays_imported_verdicts_through_the_same_engine() {
    let items = vec![
        own("a", Some("Does it rhyme?"), Some(2)),
        own("b", Some("Does it scan?"), Some(5)),
        own("c", Some("Is it?"), None),
    ];
    let registry = Registry::with_items(items).await;
    let request = RunRequest { rubric: RubricChoice::Own, judge: "recorded".into(), ..request(&[]) };
    let plan = registry.plan(request.clone()).await;
    assert_eq!((plan.calls_judge, plan.cost_high, plan.tokens_high), (0, Some(0.0), 0));
    // What was not recorded is told before it fails, and a plan of nothing else is refused.
    assert_eq!(plan.warnings, ["2 of 3 verdicts were recorded: the others will have no score (E)"]);
    let other = RunRequest { rubric: RubricChoice::Criteria(vec!["accuracy".into()]), ..request.clone() };
    let refused = registry.plan(other).await.refused.unwrap();
    assert!(refused.contains("no verdict on accuracy was recorded"), "{refused}");
    let id = registry.create(request).await;
    let done = execute_stored(
        registry.handle.clone(),
        &config(),
        id.clone(),
        RunScope::Missing,
        None,
        Control::new(),
        |_| (),
    )
    .await
    .unwrap();
    assert_eq!((done.state, done.usage.calls, done.imported), (RunState::Complete, 0, false));
    let verdicts = registry.handle.read(move |s| s.verdicts(&id)).await.unwrap();
    let scores: Vec<_> = verdicts
        .iter()
        .map(|v| v.verdict.reading.as_ref().map(|r| (r.score, r.explanation.as_str())))
        .collect();
    assert_eq!(scores, [Some((2, "recorded a")), Some((5, "recorded b")), None]);
    assert_eq!(verdicts[2].verdict.state, VerdictState::HttpError);
    // An imported run itself is finished.
    let imported =
        registry.handle.read(|s| s.runs(None)).await.unwrap().into_iter().find(|r| r.imported).unwrap();
    let refused = execute_stored(
        registry.handle.clone(),
        &config(),
        imported.id,
        RunScope::Missing,
        None,
        Control::new(),
        |_| (),
    )
    .await;
    assert!(refused.is_err());
}

async fn summed(registry: &Registry, id: &str) -> assize::eval::RunSummary {
    let (id, run) = (id.to_owned(), registry.run(id).await);
    let (cells, items) =
        registry.handle.read(move |s: &Store| Ok((s.cells(&id)?, s.run_items(&id)?))).await.unwrap();
    summarize(&run, &cells, &items, &assize::eval::People::default())
}

#[tokio::test]
async fn means_rest_on_scored_verdicts_only_and_say_on_how_many() {
    let registry = Registry::with_items(items(5)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Arc::new(Scripted::new(|r, _| match r.lookup.case_id.as_str() {
        "c000" => Act::Score(1),
        "c001" => Act::Score(2),
        "c002" => Act::Score(3),
        "c003" => Act::Score(4),
        _ => Act::Fail(VerdictState::Refused),
    }));
    registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    let summary = summed(&registry, &id).await;
    let accuracy = &summary.criteria[0];
    assert_eq!((accuracy.n, accuracy.planned, accuracy.mean), (4, 5, Some(2.5)));
    assert!((accuracy.coverage - 0.8).abs() < 1e-12);
    // R: t.test(c(1, 2, 3, 4))$conf.int is 0.446 to 4.554; no mean lies below the scale.
    let (lo, hi) = accuracy.ci95.unwrap();
    assert!((lo - 1.0).abs() < 1e-12 && (hi - 4.554_260_26).abs() < 1e-6, "{lo} {hi}");
    assert_eq!(
        (summary.arms.len(), summary.arms[0].arm.as_str(), summary.arms[0].criteria[0].mean),
        (1, "default", Some(2.5))
    );
}

#[tokio::test]
async fn an_items_score_is_the_mean_of_its_passes_and_clusters_widen_the_interval() {
    let mut all = items(4);
    for (i, item) in all.iter_mut().enumerate() {
        item.subject.cluster = Some(if i < 2 { "x" } else { "y" }.into());
    }
    let registry = Registry::with_items(all).await;
    let id = registry.create(RunRequest { repeats: 2, ..request(&["accuracy"]) }).await;
    let judge = Arc::new(Scripted::new(|r, _| match (r.lookup.case_id.as_str(), r.repeat) {
        ("c000" | "c001", _) => Act::Score(2),
        ("c002", 0) => Act::Fail(VerdictState::TimedOut),
        (_, 0) => Act::Score(3),
        _ => Act::Score(5),
    }));
    registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    let accuracy = summed(&registry, &id).await.criteria.remove(0);
    // Items: 2, 2, 5 (one pass of two), 4.
    assert_eq!((accuracy.mean, accuracy.n), (Some(3.25), 4));
    assert!((accuracy.coverage - 7.0 / 8.0).abs() < 1e-12);
    // Two sources leave the mean open within the whole scale: 12.7 standard errors of 1.25 are more than it is wide.
    assert_eq!(accuracy.ci95, Some((1.0, 5.0)));
}

#[tokio::test]
async fn the_concurrency_asked_for_reaches_the_endpoint() {
    // 24 calls wait for each other: they end only if all of them are in flight at once, three times the default.
    const AT_ONCE: usize = 24;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let all_here = Arc::new(tokio::sync::Barrier::new(AT_ONCE));
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, (!first).then(|| Arc::clone(&all_here))));
            first = false;
        }
    });
    let registry = Registry::with_items(items(AT_ONCE)).await;
    let id = registry
        .create(RunRequest { judge: format!("http://{address}/v1#m"), ..request(&["accuracy"]) })
        .await;
    let config = config();
    let run = execute_stored(
        registry.handle.clone(),
        &config,
        id,
        RunScope::Missing,
        Some(AT_ONCE),
        Control::new(),
        |_| (),
    );
    let done = tokio::time::timeout(std::time::Duration::from_secs(30), run)
        .await
        .expect("fewer were in flight")
        .unwrap();
    assert_eq!(done.verdicts.get(&VerdictState::Scored), Some(&(AT_ONCE as u32)), "{}", done.reason);
}

/// Answers one request; the first connection is discovery's, the others wait until all are here.
async fn answer(mut stream: tokio::net::TcpStream, all_here: Option<Arc<tokio::sync::Barrier>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        let length = text
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.lines().next()?.parse::<usize>().ok());
        let head = text.find("\r\n\r\n");
        if length.zip(head).is_some_and(|(length, head)| seen.len() >= head + 4 + length) {
            break;
        }
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => seen.extend(chunk.iter().take(n)),
            _ => return,
        }
    }
    if let Some(all_here) = all_here {
        all_here.wait().await;
    }
    let content = json!({"evidence": [], "explanation": "Right.", "score": 4, "injection_suspected": false})
        .to_string();
    let body = json!({"model": "m", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": content}}]})
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}
