//! The changes as plain lines.

use super::Since;
use super::parts::{headline, parts, side, verdict};
use crate::diff::Diff;
use crate::escape;
use crate::render::terminal::Options;
use crate::render::text::plural;

/// How many changes of one kind are told.
const ROWS: usize = 50;
/// Longest text of one field, in bytes; `--format json` has all of it.
const FIELD_BYTES: usize = 1_000;

/// The page: verdict, the two runs, what limits the comparison, the changes, what is worse first.
pub fn render(diff: &Diff, options: &Options) -> String {
    let mut out = String::new();
    let verdict = verdict(diff).to_uppercase();
    let code = if diff.worse { "1;31" } else { "32" };
    let verdict = paint(options, code, &verdict);
    push(&mut out, &format!("{verdict}: {}", headline(diff, &parts(diff))));
    push(&mut out, "");
    push(&mut out, &format!("before  {}", field(&side(&diff.before))));
    push(&mut out, &format!("now     {}", field(&side(&diff.after))));
    body(diff, options, &mut out);
    out
}

/// The changes as a part of the page of a run, under its own heading.
pub(in crate::render) fn lines(since: &Since, options: &Options) -> String {
    let mut out = String::new();
    push(&mut out, "");
    let heading = paint(options, "1", "CHANGES SINCE THE BASELINE");
    match since {
        Err(why) => push(&mut out, &format!("{heading}: not compared: {}", field(&why.to_string()))),
        Ok(diff) => {
            let what = headline(diff, &parts(diff));
            push(&mut out, &format!("{heading}: {}: {what}", verdict(diff)));
            push(&mut out, &format!("   baseline: {}", field(&side(&diff.before))));
            body(diff, options, &mut out);
        }
    }
    out
}

fn body(diff: &Diff, options: &Options, out: &mut String) {
    for note in &diff.notes {
        push(out, &format!("   - {}", field(note)));
    }
    for part in parts(diff) {
        push(out, "");
        let code = if part.worse { "1;31" } else { "1" };
        push(out, &paint(options, code, &sentence_case(&part.heading())));
        for row in part.rows.iter().take(ROWS) {
            let place = match &row.what {
                Some(what) => format!("{} on {}", field(what), field(&row.target)),
                None => field(&row.target),
            };
            push(out, &format!("   {place}: {}", field(&row.change)));
            for (label, text) in
                [("because", &row.because), ("known", &row.expectation), ("reproduce", &row.reproduce)]
            {
                if let Some(text) = text {
                    push(out, &format!("      {label:10} {}", field(text)));
                }
            }
        }
        if part.rows.len() > ROWS {
            let left = plural(part.rows.len() - ROWS, "more change");
            push(out, &format!("   ... and {left}: `diff --format json` lists them"));
        }
    }
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

fn field(text: &str) -> String {
    escape::line(&escape::cap(text, FIELD_BYTES))
}

/// `newly failing: 1 case` becomes `Newly failing: 1 case`.
pub(in crate::render) fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn paint(options: &Options, code: &str, text: &str) -> String {
    if options.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
