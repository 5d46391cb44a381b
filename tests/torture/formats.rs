//! More readers fed with mutations of good input: searches, sheets that come back from a spreadsheet, the files of a batch, and
//! the splitting of a text into tokens. None panics, none hangs; what was read stood there.

use crate::input::{feed, text};
use assize::core::search_query::Find;
use assize::core::tokens;
use assize::interop::sheet;
use assize::judge::batch::{LineResult, read_lines};
use assize::judge::dialect::{Dialect, OpenAiChat};
use assize::judge::wire::ApiError;

#[test]
fn searches() {
    let seeds = [
        "step by step label:production changed:<7d",
        "author:ana \"two words\" score:<3 criterion:accuracy",
        "var:input in:explanation nothing",
    ];
    feed("searches", &seeds, |bytes| Find::parse(&text(bytes)).is_ok());
}

#[test]
fn sheets() {
    let seeds = [
        "run,item,criterion,prompt,response,reviewer,score,comment,modes\n7f3c,0,accuracy,x,y,ana,4,fine,\n7f3c,1,accuracy,x,y,ana,,,\n",
        "run;item;criterion;score;comment\r\n7f3c;0;accuracy;5;\"two\r\nlines\"\r\n",
        "\u{feff}run\titem\tcriterion\tscore\n7f3c\t2\tclarity\t1\n",
    ];
    feed("sheets", &seeds, |bytes| match sheet::read(&text(bytes)) {
        Ok(rows) => {
            assert!(
                rows.iter().filter_map(|r| r.score.as_deref()).all(is_an_answer),
                "a score that nobody can give"
            );
            true
        }
        Err(why) => {
            assert!(why.starts_with("line "), "no line named: {why}");
            false
        }
    });
}

#[test]
fn files_of_a_batch() {
    let seeds = [
        "{\"id\":\"b\",\"custom_id\":\"k1\",\"response\":{\"status_code\":200,\"body\":{\"choices\":[]}},\"error\":null}\n",
        "{\"custom_id\":\"k2\",\"response\":null,\"error\":{\"code\":\"batch_expired\",\"message\":\"m\"}}\n",
        "{\"custom_id\":\"k3\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}\n{\"custom_id\":\"k4\"}\n",
    ];
    feed("files of a batch", &seeds, |bytes| {
        let lines = read_lines(bytes);
        for line in &lines {
            // An answer is a body that stood there, and an id is never made up.
            assert!(text(bytes).contains("custom_id"), "{line:?}");
            assert!(!matches!(&line.result, LineResult::Answer(_, body) if body.is_empty()), "{line:?}");
        }
        !lines.is_empty()
    });
}

#[test]
fn bodies_of_answers() {
    let seeds = [
        r#"{"id":"x","model":"m-1","choices":[{"message":{"role":"assistant","content":"{\"score\":4}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        r#"{"choices":[{"index":0,"message":{"content":null,"refusal":"no"},"finish_reason":"content_filter"}]}"#,
        r#"{"error":{"message":"slow down","type":"rate_limit","code":"429"}}"#,
    ];
    feed("bodies of answers", &seeds, |bytes| {
        let told = ApiError::read(bytes).line();
        assert!(!told.contains('\n'), "{told:?}");
        OpenAiChat.reply(bytes).is_ok()
    });
}

#[test]
fn tokens_of_any_text() {
    let seeds = [
        "# IDENTITY\n\nYou're an expert; it's 2024.\r\n\tDon't {{ input }}\n",
        "naïve Ünïcödé 漢字 한국어 👩\u{200d}👧 '\u{17f} it'\u{17f}",
        "HTTPServer x=1;//\n\n   \n",
    ];
    // Never more than bytes, and none only for nothing; half of the inputs are told to be taken, for the sake of the count.
    feed("tokens", &seeds, |bytes| {
        let text = text(bytes);
        let n = tokens::count(&text);
        assert!(n <= text.len() && (n > 0) != text.is_empty(), "{n} tokens of {text:?}");
        n.is_multiple_of(2)
    });
}

/// A digit from 1 to 5, or what may be a label: which labels there are says the run.
fn is_an_answer(text: &str) -> bool {
    text.parse::<u8>()
        .map_or_else(|_| text.starts_with(char::is_alphabetic), |score| (1..=5).contains(&score))
}
