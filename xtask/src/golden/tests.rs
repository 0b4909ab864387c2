//! The checks can fail.

use super::*;

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn each_weakened_access_is_told() {
    for golden in &GOLDEN {
        let (accesses, calls) = (owned(golden.accesses), owned(golden.calls));
        assert_eq!(golden.judge(&accesses, &calls), Vec::<String>::new());
        for index in 0..accesses.len() {
            let mut fewer = accesses.clone();
            fewer.remove(index);
            assert_eq!(golden.judge(&fewer, &calls).len(), 1, "{} {index}", golden.name);
            let mut weaker = accesses.clone();
            weaker[index] =
                weaker[index].replace("release", "relaxed").replace("seq_cst", "acquire");
            let changed = usize::from(weaker != accesses);
            assert_eq!(golden.judge(&weaker, &calls).len(), changed, "{} {index}", golden.name);
        }
    }
}

#[test]
fn panics_and_other_calls_are_told() {
    let [drain, ..] = &GOLDEN;
    let accesses = owned(drain.accesses);
    let calls = owned(&[
        "on_sample",
        "a::<B<c::D>>::step",
        "end_batch",
        "core::panicking::panic_bounds_check",
    ]);
    assert_eq!(
        drain.judge(&accesses, &calls),
        ["drain_rust: may panic: core::panicking::panic_bounds_check"]
    );
    let calls = owned(&["on_sample", "step", "end_batch", "memcpy"]);
    assert_eq!(drain.judge(&accesses, &calls), ["drain_rust: calls memcpy"]);
    let calls = owned(&["on_sample", "end_batch"]);
    assert_eq!(drain.judge(&accesses, &calls), ["drain_rust: no longer calls step"]);
}

#[test]
fn the_compiler_in_one_line() {
    let text = "rustc 1.95.0 (abc 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n\
                release: 1.95.0\nLLVM version: 22.1.2\n";
    let want = "rustc 1.95.0 (abc 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu";
    assert_eq!(describe(text).as_deref(), Some(want));
    assert_eq!(describe("rustc 1.95.0"), None);
}

#[test]
fn text_is_compared_only_with_what_this_compiler_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let files = |text: &str| [("a.ll".to_owned(), text.to_owned())];
    assert_eq!(keep(folder.path(), "rustc 1", &files("ret\n")).unwrap(), 0);
    assert_eq!(compare(folder.path(), "rustc 1", &files("ret\n")).unwrap(), 0);
    assert_eq!(compare(folder.path(), "rustc 1", &files("nop\n")).unwrap(), 1);
    assert_eq!(compare(folder.path(), "rustc 2", &files("nop\n")).unwrap(), NOT_COMPARED);
    let other = [("b.s".to_owned(), String::new())];
    let error = compare(folder.path(), "rustc 1", &other).unwrap_err();
    assert!(error.to_string().contains("--bless"), "{error}");
}

#[test]
fn a_difference_is_shown() {
    let shown = diff("a.ll", "one\ntwo\n", "one\nthree\n").unwrap();
    assert!(shown.contains("-two\n+three\n") && !shown.contains("index"), "{shown}");
}
