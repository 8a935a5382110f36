//! The page in a real browser: read, searched, drilled into, with and without its script, in both colour schemes.
//!
//! Without Chromium and chromedriver the test says so and passes; `PRISM_REQUIRE_BROWSER=1` makes that a failure. Pictures
//! are left in the folder that it prints.

mod driver;
#[path = "../../examples/scale/generate.rs"]
mod generate;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use driver::Browser;
use prism_reports::diff::compare;
use prism_reports::model::{Counts, InterfaceSummary};
use prism_reports::render::html;
use prism_reports::{EventKind, Outcome, Report};
use serde_json::json;

/// Six backends direct and proxied, and forty bindings of patterns.
const TARGETS: usize = 52;
const CASES: usize = 300;
const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";
const ESCAPE: &str = "\u{e00c}";

/// With the changes since a run in which everything held.
fn write(name: &str, report: &Report) -> (PathBuf, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    let mut out = BufWriter::new(File::create(&path).expect("a file"));
    let mut events = generate::run(TARGETS, CASES);
    for event in &mut events {
        if let EventKind::CaseFinished(case) = &mut event.kind
            && case.outcome == Outcome::Fail
        {
            case.outcome = Outcome::Pass;
        }
        if let EventKind::RunFinished(end) = &mut event.kind {
            let failed = end.outcome_counts.remove(&Outcome::Fail).unwrap_or_default();
            *end.outcome_counts.entry(Outcome::Pass).or_default() += failed;
        }
    }
    let since = compare(&Report::from_events(&events), report);
    assert!(since.as_ref().is_ok_and(|diff| !diff.cases.is_empty()), "{since:?}");
    html::write_since(report, Some(&since), &mut out).expect("the page is written");
    out.flush().expect("the page is written");
    let url = format!("file://{}", path.display());
    (folder, url)
}

/// Texts whose contrast with what is behind them is below 4.5, the bound of WCAG 2 for text of this size.
const FAINT: &str = r"
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { rgb, a } = parse(getComputedStyle(at).backgroundColor);
      if (a === 1) return rgb;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const element of document.querySelectorAll('h1, h2, h3, h4, p, a, th, td, dt, dd, pre, b, small, summary, label, span, input')) {
    if (!element.checkVisibility() || !element.textContent.trim() || element.className === 'visually-hidden') continue;
    const [one, two] = [luminance(parse(getComputedStyle(element).color).rgb), luminance(behind(element))];
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (contrast < 4.5) found.add(`${element.localName}.${element.className} ${contrast.toFixed(2)}`);
  }
  return [...found];
";

#[test]
fn a_large_report_is_read_searched_and_drilled_into() {
    let browser = match Browser::start() {
        Ok(browser) => browser,
        Err(reason) => {
            assert!(std::env::var_os("PRISM_REQUIRE_BROWSER").is_none(), "no browser: {reason}");
            let _ = writeln!(io::stderr(), "not run: {reason}");
            return;
        }
    };
    let mut report = Report::from_events(&generate::run(TARGETS, CASES));
    // One that the last column of its table does not declare.
    let alone = InterfaceSummary {
        interface: "interface_of_one".into(),
        declared: true,
        counts: Counts::default(),
        level: None,
    };
    report.interfaces.push(alone.interface.clone());
    report.targets[0].interfaces.push(alone);
    let (folder, url) = write("large.html", &report);
    let picture = |name: &str| {
        std::fs::write(folder.join(name), browser.screenshot()).expect("a picture");
    };
    browser.size(1400, 1000);
    browser.open(&url);
    let times = browser.script(
        "const [n] = performance.getEntriesByType('navigation');
         return [n.domInteractive, n.loadEventEnd].map(Math.round)",
    );
    let size = std::fs::metadata(folder.join("large.html")).expect("the page").len();
    let _ = writeln!(
        io::stderr(),
        "{} cases, {size} bytes: interactive and loaded after {times} ms; pictures in {}",
        report.totals.total(),
        folder.display()
    );
    assert_eq!(browser.script("return performance.getEntriesByType('resource').length"), 0, "no network");
    assert_eq!(browser.script("return document.title"), "✗ non-conformant: Prism conformance");
    assert_eq!(browser.script("return document.querySelectorAll('table.matrix').length > 3"), true);
    assert_eq!(browser.script("return document.querySelectorAll('.matrix thead tr th').length > 52"), true);
    let widest =
        "return Math.max(...[...document.querySelectorAll('.matrix')].map((m) => m.rows[0].cells.length))";
    assert!(browser.script(widest).as_u64().expect("a number") <= 9, "a matrix too wide to read");
    picture("light.png");
    assert_eq!(browser.script(FAINT), json!([]), "light");

    // From what changed to the case, with its evidence.
    browser.click(".changed tbody th a");
    let row = browser.script(
        "const row = document.querySelector(location.hash);
         return [row.className, row.checkVisibility(), row.querySelector('pre').checkVisibility()]",
    );
    assert_eq!(row, json!(["fail here", true, true]));
    browser.open(&url);

    // Search: by key, by words, by outcome.
    browser.keys("/case_199 backend-1");
    assert_eq!(browser.script("return document.activeElement.id"), "query");
    assert_eq!(browser.script("return document.querySelectorAll('#results li').length"), 2);
    browser.click("#outcomes .chip.fail");
    assert_eq!(browser.script("return document.getElementById('found').textContent"), "1 of 15600 cases");
    picture("search.png");
    browser.click("#query");
    browser.keys(&format!("{DOWN}{ENTER}"));
    let row = browser.script(
        "const row = document.activeElement;
         return [row.localName, row.className, row.querySelector('pre').checkVisibility(),
                 row.querySelector('details').textContent.includes('operation 199 lost what it stored'),
                 location.hash === '#' + row.id, document.querySelectorAll('#results li').length]",
    );
    assert_eq!(row, json!(["tr", "fail here", true, true, true, 0]));
    picture("case.png");

    // Only an outcome; more than are shown.
    browser.click("#outcomes .chip.pass");
    let found = browser.script("return document.getElementById('found').textContent");
    assert_eq!(found, "15569 of 15600 cases, the first 200 are shown");
    browser.keys(ESCAPE);
    assert_eq!(browser.script("return document.getElementById('found').textContent"), "");
    browser.keys("/no such case");
    assert_eq!(browser.script("return document.getElementById('found').textContent"), "0 of 15600 cases");
    browser.keys(ESCAPE);

    // Causes by key, and from the matrix down to the cases of an interface.
    browser.keys("nn");
    assert_eq!(browser.script("return document.activeElement.id"), "failed-2");
    browser.keys("p");
    assert_eq!(browser.script("return document.activeElement.id"), "failed-1");
    browser.keys("m");
    picture("matrix.png");
    browser.click(".matrix td.fail a");
    let table = browser.script(
        "const table = document.activeElement;
         return [table.className, table.checkVisibility(), table.closest('details').open, table.rows[1].className]",
    );
    assert_eq!(table, json!(["cases here", true, true, "fail"]), "what failed comes first");
    picture("interface.png");

    browser.devtools(
        "Emulation.setEmulatedMedia",
        &json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] }),
    );
    let back = browser.script("return getComputedStyle(document.body).backgroundColor");
    assert_eq!(back, "rgb(13, 17, 23)");
    assert_eq!(browser.script(FAINT), json!([]), "dark");
    browser.open(&url);
    picture("dark.png");
    browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": [] }));
    browser.size(480, 900);
    picture("narrow.png");
    let spill = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.script(spill), 0, "a narrow window scrolls sideways");
    browser.size(1400, 1000);
    let paper = browser.print();
    assert!(paper.starts_with(b"%PDF"));
    std::fs::write(folder.join("print.pdf"), paper).expect("the print");
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // Without the script everything can still be read.
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.open(&url);
    assert_eq!(browser.script("return document.getElementById('bar').checkVisibility()"), false);
    let changed = "return document.querySelector('.changed tbody th a').checkVisibility()";
    assert_eq!(browser.script(changed), true);
    browser.click(".cause details summary");
    assert_eq!(browser.script("return document.querySelector('.cause details pre').checkVisibility()"), true);
    browser.click(".matrix td.fail a");
    let open = "const table = document.querySelector(location.hash); return table.checkVisibility()";
    assert_eq!(browser.script(open), true, "a link opens what it leads to");
    picture("without-script.png");
}
