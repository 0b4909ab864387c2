use super::*;

/// Begins on the lines 1, 5 and 9; the function on line 9 has a closure on line 10.
const TEXT: &str = "\
pub fn one() {
    a();
}

pub(crate) const fn two<T>(x: T) -> T {
    // Not fn this.
    b();
}
fn three() {
    c(|| d());
}
";
const WITHOUT: [(&str, &str); 1] = [("other.rs", "because")];

/// `llvm-cov export` of functions, each with its file and its regions.
fn export(functions: &[(&str, &[[u64; 6]])]) -> Value {
    let functions = functions.iter().map(|(file, regions)| {
        let regions =
            regions.iter().map(|[a, b, c, d, count, kind]| json!([a, b, c, d, count, 0, 0, kind]));
        json!({"filenames": [file], "regions": regions.collect::<Vec<_>>()})
    });
    json!({"data": [{"functions": functions.collect::<Vec<_>>()}]})
}

fn report(folder: &Path, more: &[(&str, &[[u64; 6]])]) -> Result<Report> {
    for name in ["some.rs", "other.rs"] {
        fs::write(folder.join(name), TEXT).unwrap();
    }
    let [some, other] = ["some.rs", "other.rs"].map(|name| folder.join(name).display().to_string());
    let mut functions: Vec<(&str, &[[u64; 6]])> = vec![
        (&some, &[[1, 1, 1, 13, 1, 0], [2, 5, 2, 8, 1, 0], [3, 1, 3, 2, 1, 0]]),
        // Two instances, each with a part; and a gap, which is not code.
        (&some, &[[5, 1, 5, 39, 3, 0], [7, 5, 7, 8, 0, 0], [6, 1, 6, 2, 0, 3]]),
        (&some, &[[5, 1, 5, 39, 0, 0], [7, 5, 7, 8, 2, 0]]),
        (&some, &[[9, 1, 9, 11, 7, 0], [10, 5, 10, 14, 7, 0], [11, 1, 11, 2, 0, 0]]),
        (&some, &[[10, 7, 10, 13, 0, 0]]),
        (&other, &[[1, 1, 3, 2, 0, 0]]),
        ("/somewhere/else.rs", &[[1, 1, 1, 2, 0, 0]]),
    ];
    functions.extend_from_slice(more);
    Report::new(&export(&functions), folder, &WITHOUT)
}

#[test]
fn instances_are_added_up_and_holes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(folder.path(), &[]).unwrap();
    let want = "\
file                              lines          regions
some.rs              7/8     87.5%     7/9     77.8%
with a target        7/8     87.5%     7/9     77.8%
other.rs             0/3      0.0%     0/1      0.0%
all                  7/11    63.6%     7/10    70.0%

no target:
  other.rs         because
not reached:
  some.rs:10             three
  some.rs:11             three, in part
regions with a target: 77.8 %, floor 50 %
";
    assert_eq!(report.table(50.0), want);
    let json: Value = serde_json::from_str(&report.json(50.0)).unwrap();
    assert_eq!(json["with_target"]["regions_reached"], 7);
    assert_eq!(json["files"][0]["without_target"], "because");
    assert_eq!(json["files"][1]["not_reached"][0]["from"], 10);
}

#[test]
fn a_file_without_a_target_is_measured_and_not_reached() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.rs").display().to_string();
    let reached: &[(&str, &[[u64; 6]])] = &[(&other, &[[5, 1, 5, 3, 1, 0]])];
    let error = report(folder.path(), reached).unwrap_err().to_string();
    assert!(error.contains("reached now"), "{error}");
    let nothing = export(&[]);
    let error = Report::new(&nothing, folder.path(), &WITHOUT).unwrap_err().to_string();
    assert!(error.contains("has no counts"), "{error}");
    assert!(Report::new(&nothing, folder.path(), &[]).is_err());
    assert!(Report::new(&json!({}), folder.path(), &[]).is_err());
}

#[test]
fn neighbouring_lines_are_one_hole() {
    let places = |reached| {
        let counts = [([1, 1, 1, 9], 0), ([2, 1, 3, 4], 0), ([4, 1, 4, 2], 0), ([9, 1, 9, 2], 0)];
        let counts = counts.into_iter().chain([([7, 1, 7, 9], reached)]).collect();
        let holes = holes(&counts, TEXT).into_iter();
        holes.map(|hole| (hole.from, hole.to, hole.whole)).collect::<Vec<_>>()
    };
    assert_eq!(places(1), [(1, 4, false), (9, 9, false)]);
    assert_eq!(places(0), [(1, 9, true)]);
}

#[test]
fn a_line_counts_by_what_begins_there() {
    // Line 2 was not reached, but the block around it was.
    let counts = [([1, 9, 3, 2], 5), ([2, 5, 2, 20], 0)];
    assert_eq!(lines(&counts.into_iter().collect()), Part { reached: 2, of: 3 });
}

#[test]
fn functions_have_names() {
    for (line, name) in [(1, "one"), (2, "one"), (5, "two"), (10, "three")] {
        assert_eq!(function_at(line, TEXT), name);
    }
    assert_eq!(function_at(1, "struct X;\n"), "?");
}
