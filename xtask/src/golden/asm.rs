//! Reading x86-64 assembly as rustc writes it: functions, their text without the parts that change
//! from build to build, and the symbols that they name.

use super::ir::Module;

/// The lines of a function, without directives and labels that nothing jumps to.
fn lines<'a>(asm: &'a str, symbol: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("{symbol}:");
    let quoted = format!("\"{symbol}\":");
    asm.lines()
        .skip_while(move |line| *line != start && *line != quoted)
        .take_while(|line| !line.starts_with(".Lfunc_end"))
        .filter(|line| is_code(line))
}

fn is_code(line: &str) -> bool {
    let text = line.trim();
    let marker = text.starts_with(".Lfunc_begin") || text.starts_with(".Ltmp");
    let directive = text.starts_with('.') && !text.ends_with(':');
    // Comments on their own lines are dropped, except barriers that make no instruction.
    let comment = text.starts_with('#') && !text.contains("MEMBARRIER");
    !(text.is_empty() || marker || directive || comment)
}

/// The function's text, readable names for symbols, and labels numbered without the function's
/// own number.
pub(super) fn text<'a>(asm: &'a str, symbol: &str, module: &Module<'a>) -> String {
    let mut text = String::new();
    for line in lines(asm, symbol) {
        let (code, _comment) = line.split_once(" # ").unwrap_or((line, ""));
        let mut rest = code.trim_end();
        while let Some(at) = rest.find(is_name) {
            let (before, name) = rest.split_at(at);
            let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            text.push_str(before);
            text.push_str(&shorten(name, module));
            rest = after;
        }
        text.push_str(rest);
        text.push('\n');
    }
    text
}

/// The symbols outside this file or in other functions that the code names, each once.
pub(super) fn named<'a>(asm: &'a str, symbol: &str) -> Vec<&'a str> {
    let mut all = Vec::new();
    for line in lines(asm, symbol).skip(1) {
        let through = line.split(['\t', ' ', '*', ',', '(', '"']);
        let through = through.filter_map(|word| word.split_once('@').map(|(name, _)| name));
        let mut words = line.split_whitespace();
        let jumps = words.next().is_some_and(|op| op.starts_with("call") || op.starts_with('j'));
        let direct = words.next().filter(|to| jumps && !to.starts_with(['*', '.']));
        let direct = direct.map(|to| to.split('@').next().unwrap_or(to).trim_matches('"'));
        for name in through.chain(direct) {
            if !name.is_empty() && !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_$.".contains(c)
}

fn shorten<'a>(name: &'a str, module: &Module<'a>) -> String {
    // .LBB7_3 is the third block of the seventh function.
    let (kind, number) = name.split_once('_').unwrap_or((name, ""));
    for local in [".LBB", ".LCPI", ".LJTI"] {
        if kind.strip_prefix(local).is_some_and(|n| n.chars().all(|c| c.is_ascii_digit())) {
            return format!("{local}{number}");
        }
    }
    if name.starts_with(".Lalloc_") || name.starts_with(".Lanon.") {
        return ".Lalloc".to_owned();
    }
    module.short(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASM: &str = "\
other:
	retq
.Lfunc_end0:
	.type	drain,@function
drain:
.Lfunc_begin1:
	.cfi_startproc
	movq	on_sample@GOTPCREL(%rip), %rbp
	.p2align	4
.LBB16_2:
	movl	(%rax,%rdi), %esi
	#MEMBARRIER
	# a comment
	callq	*_RNvstep@GOTPCREL(%rip)
	callq	memset@PLT
	callq	*%rbp
	jne	.LBB16_2
	leaq	.Lalloc_0123abcd(%rip), %rdi
	jmp	_RNvpanic
	retq
.Lfunc_end1:
	movq	never@GOTPCREL(%rip), %rbp
";
    const IR: &str = "\
; <a::B<c::D>>::step
define void @_RNvstep() {
}
";

    #[test]
    fn text_is_stable() {
        let want = "\
drain:
	movq	on_sample@GOTPCREL(%rip), %rbp
.LBB2:
	movl	(%rax,%rdi), %esi
	#MEMBARRIER
	callq	*step@GOTPCREL(%rip)
	callq	memset@PLT
	callq	*%rbp
	jne	.LBB2
	leaq	.Lalloc(%rip), %rdi
	jmp	_RNvpanic
	retq
";
        assert_eq!(text(ASM, "drain", &Module::parse(IR)), want);
    }

    #[test]
    fn every_symbol_that_is_named() {
        assert_eq!(named(ASM, "drain"), ["on_sample", "_RNvstep", "memset", "_RNvpanic"]);
        assert!(named(ASM, "other").is_empty());
    }
}
