//! The screens on a terminal that answers: its colours, its keys, its mouse, and what is left to the shell.

use crate::tty_support::Tty;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The last question, which every terminal answers.
const ASKED: &[u8] = b"\x1b[?u\x1b[c";
const PRIMARY: &str = "\x1b[?62;c";

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|w| w == wanted)
}

fn wrote(tty: &Tty, what: &str, wanted: &str) {
    tty.until_seen(what, |seen| holds(&seen.bytes, wanted.as_bytes()));
}

/// The demo once it has drawn itself and asked.
fn demo(home: &Path, extra: &[(&str, &str)]) -> Tty {
    let tty = Tty::start(home, extra);
    tty.wait("revisions ·");
    tty.until_seen("the questions", |seen| holds(&seen.bytes, ASKED));
    tty
}

fn program(folder: &Path, name: &str, lines: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What lies behind the selected row in the light and in the dark theme.
const LIGHT: &str = "48;2;220;230;251";
const DARK: &str = "48;2;40;48;68";

#[test]
fn the_theme_follows_the_background_that_the_terminal_tells_and_its_changes() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[]);
    // Until it is known, no colour that a background could swallow.
    let first = tty.bytes();
    assert!(!holds(&first, LIGHT.as_bytes()) && !holds(&first, DARK.as_bytes()));
    // The questions come after the frame, and nothing of the frame waits for an answer.
    let text = String::from_utf8_lossy(&first).into_owned();
    assert!(text.find("Prompts") < text.find("\x1b]11;?"), "{text:?}");
    tty.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?2031;2$y");
    wrote(&tty, "the light theme", LIGHT);
    wrote(&tty, "changes are to be told", "\x1b[?2031h");
    tty.press(PRIMARY);
    // It changes: asked again, and followed.
    let asked = tty.bytes().windows(5).filter(|w| *w == b"\x1b]11;").count();
    tty.press("\x1b[?997;1n");
    tty.until_seen("the question again", |seen| {
        seen.bytes.windows(5).filter(|w| *w == b"\x1b]11;").count() > asked
    });
    tty.press("\x1b]11;rgb:0000/0000/0000\x07\x1b[?62;c");
    wrote(&tty, "the dark theme", DARK);
    tty.press("q");
    wrote(&tty, "changes are no longer told", "\x1b[?2031l");
    tty.ends_as_it_began("q");
}

#[test]
fn without_colours_no_answer_brings_any() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[("NO_COLOR", "1")]);
    tty.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c");
    tty.press("j?");
    tty.wait("what the figures mean");
    let bytes = String::from_utf8_lossy(&tty.bytes()).into_owned();
    assert!(!bytes.contains("38;") && !bytes.contains("48;"), "a colour was written");
    tty.press("\u{3}");
    tty.until("help closed", |s| !s.contents().contains("what the figures mean"));
    tty.press("\u{3}");
    tty.ends_as_it_began("Ctrl-C");
}

#[test]
fn modes_are_used_only_where_they_are_known_and_are_off_again_at_the_end() {
    let home = tempfile::tempdir().unwrap();
    for known in [true, false] {
        let mut tty = demo(home.path(), &[]);
        tty.press(if known { "\x1b[?0u\x1b[?62;c" } else { "\x1b[?62;c" });
        if known {
            wrote(&tty, "kitty's keys", "\x1b[>5u");
            // Escape and Ctrl with a letter of another layout, as such a terminal tells them.
            tty.press("?");
            tty.wait("what the figures mean");
            tty.press("\x1b[27u");
            tty.until("help closed", |s| !s.contents().contains("what the figures mean"));
            tty.press("\x1b[1079::112;5u");
            tty.wait("what do you want to do?");
            tty.press("\x1b[27u");
            tty.until("the palette closed", |s| !s.contents().contains("what do you want to do?"));
        }
        tty.press("q");
        tty.end("q");
        tty.until_seen("the last of it", |seen| holds(&seen.bytes, b"\x1b[?1049l"));
        let bytes = tty.bytes();
        assert!(holds(&bytes, b"\x1b[?1006l\x1b[?1000l"), "the mouse is not given back");
        assert_eq!(holds(&bytes, b"\x1b[<u"), known);
        assert_eq!(holds(&bytes, b"\x1b[>5u"), known);
        // What belongs to the other screen is off before it is left.
        let at = |wanted: &[u8]| bytes.windows(wanted.len()).rposition(|w| w == wanted);
        assert!(!known || at(b"\x1b[<u") < at(b"\x1b[?1049l"), "known {known}");
        tty.ends_as_it_began("q");
    }
}

#[test]
fn nothing_of_a_late_answer_is_left_for_the_shell() {
    let home = tempfile::tempdir().unwrap();
    let script = format!(
        "{} demo; printf READY; IFS= read -r line; printf 'got<%s>' \"$line\"",
        env!("CARGO_BIN_EXE_assize")
    );
    let mut tty = Tty::run(home.path(), &["sh", "-c", &script], &[]);
    tty.wait("revisions ·");
    tty.until_seen("the questions", |seen| holds(&seen.bytes, ASKED));
    tty.press("q");
    wrote(&tty, "the end, which waits for answers", "\x1b[?1000l");
    tty.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1bP>|XTerm(379)\x1b\\\x1b[>41;379;0c\x1b[?64;1;2c");
    tty.wait("READY");
    tty.press("hello\r");
    tty.wait("got<hello>");
    tty.ends_as_it_began("q");
}

#[test]
fn a_paste_that_holds_its_own_end_mark_stays_a_paste() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[]);
    tty.press(PRIMARY);
    tty.press("/");
    tty.wait("filter:");
    tty.press("\x1b[200~nothing-\x1b[201~like-this\rq\x03\x1b[201~");
    tty.wait("filter: nothing-like-this q");
    tty.press("\x1b");
    tty.until("the field closed", |s| !s.contents().contains("filter:"));
    tty.press("q");
    tty.ends_as_it_began("q");
}

#[test]
fn the_mouse_and_letters_of_another_layout_move_as_keys_do() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[]);
    tty.press(PRIMARY);
    let selected = |screen: &vt100::Screen| -> Option<usize> {
        screen.contents().lines().position(|l| l.starts_with('▌'))
    };
    tty.until("a selection", |s| selected(s) == Some(2));
    // The seventh row of the terminal, counted from 1.
    tty.press("\x1b[<0;4;7M\x1b[<0;4;7m");
    tty.until("the clicked row", |s| selected(s) == Some(6));
    // The key of j, where Russian has о and Greek has ξ.
    tty.press("о");
    tty.until("down", |s| selected(s) == Some(7));
    tty.press("ξ");
    tty.until("down again", |s| selected(s) == Some(8));
    // Letters that no layout of ours has: said after a few.
    tty.press("éüß");
    tty.wait("keys are Latin letters here");
    tty.press("й");
    tty.ends_as_it_began("the key of q");
    // Not taken where it is not wanted: the terminal keeps it.
    let mut tty = demo(home.path(), &[("ASSIZE_MOUSE", "off")]);
    tty.press(PRIMARY);
    tty.press("q");
    tty.end("q");
    assert!(!holds(&tty.bytes(), b"\x1b[?1000"));
}

#[test]
fn control_z_stops_where_a_shell_can_go_on_and_says_so_where_none_can() {
    let home = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_assize");
    // As `ssh -t host 'assize; …'` and wrappers have it: no job control.
    let mut tty = Tty::run(home.path(), &["sh", "-c", &format!("{program} demo; true")], &[]);
    tty.wait("revisions ·");
    tty.press(PRIMARY);
    tty.press("\u{1a}");
    tty.wait("not stopped");
    tty.press("2");
    tty.wait("gpt-4-recorded");
    tty.press("\u{3}");
    tty.ends_as_it_began("without job control");
    // A shell with job control, and a script between it and the program, which stops, too.
    for between in ["", "sh -c \"$P demo; true\" #"] {
        let script = format!("set -m; P={program}; {} $P demo\nprintf STOPPED; read x; fg", between);
        let mut tty = Tty::run(home.path(), &["sh", "-c", &script], &[]);
        tty.wait("revisions ·");
        tty.press(PRIMARY);
        tty.press("\u{1a}");
        tty.wait("STOPPED");
        tty.press("\r");
        tty.until("the screens again", |s| s.alternate_screen() && s.contents().contains("revisions"));
        tty.press("q");
        tty.ends_as_it_began("with job control");
    }
    // Whoever stops it from outside goes on with it from there.
    let mut tty = demo(home.path(), &[]);
    tty.press(PRIMARY);
    tty.signal("-TSTP");
    tty.stands_still();
    tty.signal("-CONT");
    tty.press("q");
    tty.ends_as_it_began("stopped from outside");
}

#[test]
fn an_editor_with_blanks_and_quotes_is_started_and_vi_where_none_is_named() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("bin with blank");
    std::fs::create_dir(&bin).unwrap();
    let writes = "for last; do :; done; echo \"by ${0##*/} $1\" | tee \"$HOME/wrote\" > \"$last\"";
    let quoted = format!("\"{}\" --wait", program(&bin, "my ed", writes));
    let path = format!("{}:/usr/bin:/bin", bin.display());
    program(&bin, "vi", writes);
    for (extra, wanted) in
        [(vec![("EDITOR", quoted.as_str())], "by my ed --wait"), (vec![("PATH", path.as_str())], "by vi")]
    {
        let mut tty = demo(home.path(), &extra);
        tty.press(PRIMARY);
        tty.wait(" tok");
        tty.press("e");
        tty.wait("draft not saved yet");
        let wrote = std::fs::read_to_string(home.path().join("wrote")).unwrap();
        assert!(wrote.starts_with(wanted), "{wrote}");
        tty.press("\u{3}");
        tty.ends_as_it_began(wanted);
    }
}

#[test]
fn a_copy_inside_tmux_is_given_to_tmux() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    program(&bin, "tmux", "echo \"$@\" > \"$HOME/asked\"; cat > \"$HOME/copied\"");
    let mut tty = demo(home.path(), &[("TMUX", "/tmp/x,1,0"), ("PATH", &path)]);
    tty.press("\x1b[>84;0;0c\x1b[?1;2c");
    tty.wait(" tok");
    tty.press("y");
    tty.wait("sent to tmux");
    assert_eq!(std::fs::read_to_string(home.path().join("asked")).unwrap(), "load-buffer -w -\n");
    assert!(std::fs::metadata(home.path().join("copied")).unwrap().len() > 100);
    assert!(!holds(&tty.bytes(), b"\x1b]52;"));
    tty.press("\u{3}");
    tty.ends_as_it_began("in tmux");
    // In GNU screen it goes in envelopes; elsewhere as it is.
    for (extra, wanted) in
        [(vec![("STY", "1.x"), ("TERM", "screen")], "\x1bP\x1b]52;c;"), (vec![], "\x1b]52;c;")]
    {
        let mut tty = demo(home.path(), &extra);
        tty.press(PRIMARY);
        tty.wait(" tok");
        tty.press("y");
        tty.wait("sent to the terminal's clipboard");
        wrote(&tty, "the copy", wanted);
        assert_eq!(holds(&tty.bytes(), b"\x1bP"), !extra.is_empty());
        tty.press("\u{3}");
        tty.ends_as_it_began("elsewhere");
    }
}

#[test]
fn in_gnu_screen_no_true_colour_is_written() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path(), &[("STY", "1.x"), ("TERM", "screen-256color")]);
    // There the colour comes after the last answer.
    tty.press("\x1b[>83;40900;0c\x1b[?1;2c\x1b]11;rgb:0000/0000/0000\x1b\\");
    wrote(&tty, "the dark theme in 256 colours", "48;5;236");
    tty.press("/analyze_prose/system\r");
    tty.wait("58 revisions");
    tty.press("\rjd");
    tty.wait("hunk");
    let bytes = String::from_utf8_lossy(&tty.bytes()).into_owned();
    assert!(!bytes.contains("38;2;") && !bytes.contains("48;2;"));
    tty.press("\u{3}");
    tty.ends_as_it_began("in screen");
}
