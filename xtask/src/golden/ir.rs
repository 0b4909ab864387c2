//! Reading a module of LLVM's intermediate code: functions, their text without the parts that
//! change from build to build, and their accesses to shared memory.

use std::collections::HashMap;

/// A module, as `rustc --emit=llvm-ir` prints it.
#[derive(Debug)]
pub(crate) struct Module<'a> {
    functions: Vec<Function<'a>>,
    /// Readable names by symbol, of what is defined or called here.
    names: HashMap<&'a str, &'a str>,
}

/// One function, from `define` to the closing brace.
#[derive(Debug)]
struct Function<'a> {
    symbol: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Module<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (mut functions, mut names) = (Vec::<Function<'a>>::new(), HashMap::new());
        let (mut path, mut inside) = (None, false);
        for line in text.lines() {
            let name = symbols(line).next();
            if let Some(comment) = line.trim_start().strip_prefix("; ") {
                if !comment.starts_with("Function Attrs") {
                    path = Some(comment.strip_prefix("call ").unwrap_or(comment));
                }
                continue;
            }
            let defines = line.starts_with("define ");
            if let (Some(symbol), Some(path)) = (name, path) {
                if defines || line.contains("call ") || line.contains("invoke ") {
                    names.insert(symbol, path);
                }
            }
            path = None;
            if let (true, Some(symbol)) = (defines, name) {
                functions.push(Function { symbol, lines: Vec::new() });
                inside = true;
            }
            if let (true, Some(function)) = (inside, functions.last_mut()) {
                function.lines.push(line);
            }
            inside &= line != "}";
        }
        Self { functions, names }
    }

    /// The symbol of the function with this last path segment, if there is exactly one.
    pub(crate) fn symbol(&self, name: &str) -> Option<&'a str> {
        let is = |function: &&Function<'a>| self.short(function.symbol) == name;
        let mut all = self.functions.iter().filter(is);
        all.next().filter(|_| all.next().is_none()).map(|function| function.symbol)
    }

    /// The last path segment of a symbol; a symbol without a path is its own.
    pub(crate) fn short(&self, symbol: &'a str) -> &'a str {
        let path = self.names.get(symbol).copied().unwrap_or(symbol);
        let path =
            if path.ends_with('>') { path.split("::<").next().unwrap_or(path) } else { path };
        path.rsplit("::").next().unwrap_or(path)
    }

    /// The readable name, or the symbol where there is none.
    pub(crate) fn path(&self, symbol: &str) -> String {
        self.names.get(symbol).map_or_else(|| symbol.to_owned(), |path| (*path).to_owned())
    }

    fn lines(&self, symbol: &str) -> impl Iterator<Item = &'a str> {
        let function = self.functions.iter().find(|function| function.symbol == symbol);
        function.into_iter().flat_map(|function| function.lines.iter().copied())
    }

    /// The function's accesses to shared memory, in the order of its text: kind, type and ordering,
    /// in Rust's words.
    pub(crate) fn accesses(&self, symbol: &str) -> Vec<String> {
        self.lines(symbol).filter_map(access).collect()
    }

    /// The symbols that the function calls, each once; the compiler's own operations (`llvm.*`) are
    /// left out, except traps.
    pub(crate) fn calls(&self, symbol: &str) -> Vec<&'a str> {
        let mut all = Vec::new();
        for line in self.lines(symbol).filter(|l| l.contains("call ") || l.contains("invoke ")) {
            // A symbol among the arguments has no arguments itself.
            let mut callees = line.match_indices('@').map(|(at, _)| token(&line[at + 1..]));
            let callee = callees.find(|(_, rest)| rest.starts_with('('));
            let callee = callee.map_or("through a pointer", |(name, _)| name);
            let own = callee.starts_with("llvm.") && !callee.contains("trap");
            if !own && !all.contains(&callee) {
                all.push(callee);
            }
        }
        all
    }

    /// The function's text without debug information, metadata, attributes, hashes and the names of
    /// values and blocks, which are numbered instead.
    pub(crate) fn text(&self, symbol: &str) -> String {
        let lines: Vec<_> = self.lines(symbol).filter_map(strip).collect();
        let mut locals = HashMap::new();
        let labels = lines.iter().filter_map(|line| label(line));
        for (index, name) in labels.enumerate() {
            locals.insert(name.to_owned(), format!("b{index}"));
        }
        let (mut text, mut values) = (String::new(), 0);
        for line in &lines {
            if let Some(name) = label(line) {
                text.push_str(&format!("{}:\n", locals[name]));
                continue;
            }
            let mut rest = line.as_str();
            while let Some(at) = rest.find(['%', '@']) {
                let (before, sigil) = rest.split_at(at);
                let (name, after) = token(&sigil[1..]);
                text.push_str(before);
                text.push_str(&sigil[..1]);
                if sigil.starts_with('@') {
                    text.push_str(self.global(name));
                } else {
                    let number = locals.entry(name.to_owned()).or_insert_with(|| {
                        values += 1;
                        format!("v{values}")
                    });
                    text.push_str(number);
                }
                rest = after;
            }
            text.push_str(rest);
            text.push('\n');
        }
        text
    }

    fn global(&self, symbol: &'a str) -> &'a str {
        if symbol.starts_with("alloc_") { "alloc" } else { self.short(symbol) }
    }
}

/// The line without comment, attributes and metadata; nothing if nothing is left.
fn strip(line: &str) -> Option<String> {
    let line = line.split(" ; ").next()?.split("; preds").next()?.trim_end();
    if line.is_empty() || line.trim_start().starts_with(';') || line.contains("noalias.scope.decl")
    {
        return None;
    }
    let mut words: Vec<&str> = Vec::new();
    let mut all = line.trim_start().split(' ').peekable();
    while let Some(word) = all.next() {
        let attribute = word.strip_prefix('#').is_some_and(|rest| {
            rest.trim_end_matches(',').chars().all(|digit| digit.is_ascii_digit())
        });
        if attribute {
            // The comma before metadata stands behind the attribute.
            continue;
        }
        let metadata =
            word.starts_with('!') && all.peek().is_some_and(|next| next.starts_with('!'));
        if metadata {
            all.next();
            continue;
        }
        words.push(word);
    }
    let indent = if line.starts_with(' ') { "  " } else { "" };
    Some(format!("{indent}{}", words.join(" ").trim_end_matches(',')))
}

/// The name of the block that starts here.
fn label(line: &str) -> Option<&str> {
    let name = line.strip_suffix(':').filter(|_| !line.starts_with(' '))?;
    Some(name.trim_matches('"'))
}

/// The name at the start of `text`, quoted or not, and what follows it.
fn token(text: &str) -> (&str, &str) {
    if let Some((name, rest)) = text.strip_prefix('"').and_then(|text| text.split_once('"')) {
        return (name, rest);
    }
    let part = |c: char| c.is_ascii_alphanumeric() || "$._-".contains(c);
    text.split_at(text.find(|c| !part(c)).unwrap_or(text.len()))
}

/// The global symbols in a line.
fn symbols(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('@').map(|(at, _)| token(&line[at + 1..]).0)
}

fn access(line: &str) -> Option<String> {
    const ORDERS: [(&str, &str); 6] = [
        ("monotonic", "relaxed"),
        ("acquire", "acquire"),
        ("release", "release"),
        ("acq_rel", "acq_rel"),
        ("seq_cst", "seq_cst"),
        ("unordered", "unordered"),
    ];
    let code = line.split_once(" = ").map_or(line, |(_, code)| code);
    let words: Vec<_> = code.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let kind = words.iter().copied().find(|word| !["tail", "volatile"].contains(word))?;
    let volatile = if words.contains(&"volatile") { "volatile " } else { "" };
    let atomic = words.contains(&"atomic") || ["fence", "cmpxchg", "atomicrmw"].contains(&kind);
    let bare = volatile.is_empty() || !["load", "store"].contains(&kind);
    if bare && !atomic {
        return None;
    }
    let order = ORDERS.iter().find(|(llvm, _)| words.contains(llvm)).map_or("", |(_, rust)| rust);
    let width = words.iter().find(|word| {
        word.strip_prefix('i').is_some_and(|bits| bits.chars().all(|digit| digit.is_ascii_digit()))
    });
    let width =
        width.filter(|_| kind != "fence").map_or(String::new(), |width| format!("{width} "));
    Some(format!("{volatile}{kind} {width}{order}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
; core::one::<impl core::two::Two<M>>::step
; Function Attrs: cold
define void @"_ZN4$LT$impl$GT$4step17habcE"(ptr %_0) unnamed_addr #1 personality ptr @rust_eh_personality {
start:
  ret void
}

; Function Attrs: noinline
define noundef i64 @drain(ptr noalias noundef %consumer) unnamed_addr #3 {
start:
  %_11 = load i64, ptr %consumer, align 8, !noundef !3, !dbg !7
  tail call void @llvm.experimental.noalias.scope.decl(metadata !133)
  br label %"_ZNx.exit.i"

"_ZNx.exit.i":                                    ; preds = %start
  %0 = load atomic i32, ptr %_11 monotonic, align 4, !noalias !141
  fence acquire
; call core::one::<impl core::two::Two<M>>::step
  call void @"_ZN4$LT$impl$GT$4step17habcE"(ptr noundef sret([56 x i8]) %0) #21, !noalias !145
; call core::panicking::panic_bounds_check
  call void @_RNvpanic(i64 1, ptr @alloc_0123abcd) #20
  call void %0(i64 1, ptr @alloc_0123abcd)
  %5 = tail call range(i64 0, 9) i64 @llvm.umin.i64(i64 %17, i64 9)
  call void @llvm.memset.p0.i64(ptr %0, i8 -1, i64 16, i1 false)
  store atomic i64 %_11, ptr %0 release, align 8, !noalias !161
  ret i64 %_11
}
"#;

    #[test]
    fn names_come_from_the_comments() {
        let module = Module::parse(TEXT);
        assert_eq!(module.symbol("step"), Some("_ZN4$LT$impl$GT$4step17habcE"));
        assert_eq!(module.symbol("drain"), Some("drain"));
        assert_eq!(module.symbol("arm"), None);
        assert_eq!(module.path("_RNvpanic"), "core::panicking::panic_bounds_check");
        assert_eq!(module.short("_RNvpanic"), "panic_bounds_check");
    }

    #[test]
    fn accesses_in_order() {
        let module = Module::parse(TEXT);
        let want = ["load i32 relaxed", "fence acquire", "store i64 release"];
        assert_eq!(module.accesses("drain"), want);
        let other = "  %5 = atomicrmw xchg ptr %p, i32 1 seq_cst, align 4";
        assert_eq!(access(other).as_deref(), Some("atomicrmw i32 seq_cst"));
        let volatile = "  %5 = load volatile i32, ptr %p, align 4";
        assert_eq!(access(volatile).as_deref(), Some("volatile load i32 "));
        assert_eq!(access("  store i64 %1, ptr %p, align 8"), None);
    }

    #[test]
    fn calls_without_the_compilers_own() {
        let module = Module::parse(TEXT);
        let step = "_ZN4$LT$impl$GT$4step17habcE";
        assert_eq!(module.calls("drain"), [step, "_RNvpanic", "through a pointer"]);
    }

    #[test]
    fn text_has_no_names_hashes_or_metadata() {
        let want = "\
define noundef i64 @drain(ptr noalias noundef %v1) unnamed_addr {
b0:
  %v2 = load i64, ptr %v1, align 8
  br label %b1
b1:
  %v3 = load atomic i32, ptr %v2 monotonic, align 4
  fence acquire
  call void @step(ptr noundef sret([56 x i8]) %v3)
  call void @panic_bounds_check(i64 1, ptr @alloc)
  call void %v3(i64 1, ptr @alloc)
  %v4 = tail call range(i64 0, 9) i64 @llvm.umin.i64(i64 %v5, i64 9)
  call void @llvm.memset.p0.i64(ptr %v3, i8 -1, i64 16, i1 false)
  store atomic i64 %v2, ptr %v3 release, align 8
  ret i64 %v2
}
";
        assert_eq!(Module::parse(TEXT).text("drain"), want);
    }
}
