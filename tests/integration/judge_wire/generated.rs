//! Responses that a model writes over the same wire: whole, in pieces, and what keeps it from writing.

use super::*;

#[tokio::test]
async fn a_watched_response_comes_in_pieces_and_is_the_same_response() {
    let piece = |delta: Value, finish: Value| {
        format!(
            "data: {}\n\n",
            json!({"model": "m-2026", "choices": [{"delta": delta, "finish_reason": finish}]})
        )
    };
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}});
    let stream = [
        piece(json!({"content": "It is "}), json!(null)),
        piece(json!({"content": "Paris."}), json!("stop")),
        format!("data: {usage}\n\ndata: [DONE]\n\n"),
    ]
    .concat();
    let answer =
        |body: &str| ResponseTemplate::new(200).set_body_raw(body.as_bytes().to_vec(), "text/event-stream");
    // A stream that is cut is asked for again, as a cut body is; an endpoint that knows no streams is asked without.
    let cut = piece(json!({"content": "It"}), json!(null));
    let server = server(vec![
        answer(&cut),
        answer(&stream),
        error(400, "Unsupported parameter: 'stream'"),
        says("Rome."),
    ])
    .await;
    let model = open::model(config(&server.uri())).unwrap();
    model.set_pieces(true);
    let told = Mutex::new(Vec::new());
    let events = |event: CallEvent| {
        if let CallEvent::Text(text) = event {
            told.lock().unwrap().push(text);
        }
    };
    let (params, cancel) = (Map::new(), CancellationToken::new());
    let first = model.generate(&messages(), &params, &events, &cancel).await;
    assert_eq!((first.state, first.text.as_str(), first.attempts), (VerdictState::Scored, "It is Paris.", 2));
    assert_eq!(first.usage.map(|u| (u.prompt_tokens, u.completion_tokens)), Some((7, 2)));
    assert_eq!(told.lock().unwrap().last().map(String::as_str), Some("It is Paris."));
    let second = model.generate(&messages(), &params, &events, &cancel).await;
    assert_eq!((second.text.as_str(), second.attempts), ("Rome.", 2));
    let bodies: Vec<Value> =
        server.received_requests().await.unwrap().iter().map(|r| r.body_json().unwrap()).collect();
    assert_eq!((&bodies[0]["stream"], bodies[3].get("stream")), (&json!(true), None));
}
