//! The binary under a real pseudo-terminal: the whole job typed by hand, and the terminal given back after every exit.

use crate::tty_support::Tty;
use std::path::Path;

fn shows(screen: &vt100::Screen, text: &str) -> bool {
    screen.contents().contains(text)
}

/// The demo, once its first screen is there.
fn demo(home: &Path, extra: &[(&str, &str)]) -> Tty {
    let tty = Tty::start(home, extra);
    tty.wait("revisions ·");
    tty
}

/// It ends without a complaint, and the terminal is as it was.
fn ends_well(mut tty: Tty) {
    assert!(tty.child.wait().unwrap().success());
    tty.ends_as_it_began("a good end");
}

#[test]
fn the_terminal_is_given_back_after_q_and_ctrl_c_and_every_signal_that_ends() {
    for how in ["q", "\u{3}", "-TERM", "-HUP", "-INT", "-QUIT"] {
        let home = tempfile::tempdir().unwrap();
        let mut tty = demo(home.path(), &[]);
        assert!(tty.line_differs(), "raw mode was expected");
        if how.starts_with('-') {
            tty.signal(how);
        } else {
            tty.press(how);
        }
        tty.ends_as_it_began(how);
    }
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_until_it_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[]);
    tty.signal("-TSTP");
    // The shell's screen is there again, in its modes, and the program stands still.
    tty.until("the stop", |screen| !shows(screen, "revisions ·"));
    tty.stands_still();
    assert!(!tty.line_differs(), "raw mode stayed on");
    assert!(tty.screen(|screen| !screen.bracketed_paste()));
    tty.signal("-CONT");
    tty.wait("revisions ·");
    assert!(tty.line_differs(), "raw mode was expected");
    tty.press("q");
    ends_well(tty);
}

#[test]
fn without_a_terminal_the_screens_are_refused_clearly() {
    let home = tempfile::tempdir().unwrap();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .env("HOME", home.path())
        .env_remove("XDG_DATA_HOME")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("terminal"), "{out:?}");
    assert!(out.stdout.is_empty());
}

/// A panic in the loop, a drawing or a background task, made on purpose by a build with debug assertions.
#[test]
#[cfg(debug_assertions)]
fn a_panic_gives_the_terminal_back_before_its_words() {
    for place in ["loop", "draw"] {
        let home = tempfile::tempdir().unwrap();
        let mut tty = demo(home.path(), &[("ASSIZE_TEST_PANIC", place)]);
        assert!(tty.line_differs(), "raw mode was expected");
        tty.press("\u{1b}[24~");
        tty.until("the panic's words", |screen| shows(screen, "on purpose"));
        assert!(!tty.line_differs(), "{place}: raw mode stayed on");
        let written = String::from_utf8_lossy(&tty.bytes()).into_owned();
        let left = written.rfind("\u{1b}[?1049l");
        assert!(
            left.is_some() && left < written.rfind("on purpose"),
            "{place}: the words went to the alternate screen"
        );
        assert!(!tty.child.wait().unwrap().success(), "{place}");
        tty.ends_as_it_began(place);
    }
    // One of a background task is told, and costs nobody the session.
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[("ASSIZE_TEST_PANIC", "worker")]);
    tty.press("\u{1b}[24~");
    tty.wait("on purpose");
    tty.press("2");
    tty.wait("gpt-4-recorded");
    tty.press("\u{3}");
    ends_well(tty);
}

#[test]
fn the_whole_job_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[]);
    // A history of 58 revisions.
    tty.press("/analyze_prose/system\r");
    tty.wait("58 revisions");
    tty.press("\r");
    tty.press("j");
    tty.press("d");
    tty.wait("hunk");
    tty.wait("→");
    tty.press("q");
    tty.wait("58 revisions");
    // The recorded judge over all items, live; then three scores by hand.
    tty.press("2");
    tty.wait("gpt-4-recorded");
    tty.press("J");
    tty.wait("640 verdicts");
    tty.press("\r");
    tty.wait("640 / 640");
    tty.press("q");
    tty.wait("recorded");
    tty.press("3");
    for done in ["0 of 640", "1 of 640", "2 of 640"] {
        // What is not on the screen yet cannot be scored: the hints come with the item.
        tty.until(done, |screen| shows(screen, done) && shows(screen, "1-5 score"));
        tty.press("4");
    }
    tty.wait("3 of 640");
    tty.press("\u{3}");
    ends_well(tty);
    // Another start finds all of it.
    let mut tty = demo(home.path(), &[]);
    tty.press("2");
    tty.until("two runs", |screen| screen.contents().matches("complete").count() >= 2);
    tty.press("3");
    tty.wait("3 of 640");
    tty.press("\u{3}");
    ends_well(tty);
}

#[test]
fn an_editor_gets_the_terminal_whole_and_its_text_becomes_a_revision() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let editor = home.path().join("editor.sh");
    std::fs::write(&editor, "#!/bin/sh\ntest -t 0 || exit 3\nprintf 'edited here\\n' > \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut tty = demo(home.path(), &[("EDITOR", editor.to_str().unwrap())]);
    tty.press("/analyze_prose/system\r");
    tty.wait("58 revisions");
    tty.press("\r");
    tty.wait("tok");
    tty.press("e");
    // What changed is shown before a reason is asked for.
    tty.wait("draft not saved yet");
    tty.press("s");
    tty.wait("Why?");
    tty.press("made shorter\r");
    tty.wait("59 revisions");
    tty.press("q");
    tty.press("q");
    tty.press("\u{3}");
    ends_well(tty);
}

#[test]
fn twenty_items_are_reviewed_in_sixty_keys_and_found_again() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[]);
    let mut keys = 0;
    let mut press = |tty: &mut Tty, key: &str| {
        tty.press(key);
        keys += 1;
    };
    press(&mut tty, "3");
    for done in 0..20 {
        let count = format!("{done} of 640");
        if done == 10 {
            // The end of a batch: the judge beside one's own scores.
            tty.until("the first reveal", |s| shows(s, "go on") && !shows(s, "1-5 score"));
            press(&mut tty, " ");
        }
        tty.until(&count, |s| shows(s, "1-5 score") && shows(s, &count));
        press(&mut tty, ["3", "4", "5"][done % 3]);
    }
    tty.until("the second reveal", |s| shows(s, "go on") && !shows(s, "1-5 score"));
    press(&mut tty, " ");
    tty.wait("20 of 640");
    assert!(keys <= 60, "{keys} keys");
    tty.press("\u{3}");
    ends_well(tty);
    let mut tty = demo(home.path(), &[]);
    tty.press("3");
    tty.wait("20 of 640");
    tty.press("\u{3}");
    ends_well(tty);
}
