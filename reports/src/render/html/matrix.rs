//! The matrix: interfaces down, targets across, in tables that are narrow enough to read.

use std::io::{self, Write};

use super::text::Text;
use crate::model::Report;
use crate::render::blocks::blocks;
use crate::render::cell::{Cell, legend};

/// Every cell leads to the cases behind it.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let blocks = blocks(report);
    if blocks.is_empty() || report.interfaces.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section aria-labelledby=\"matrix\">\n<h2 id=\"matrix\">Who conforms to what</h2>")?;
    for block in &blocks {
        let visible = if blocks.len() > 1 { "" } else { " class=\"visually-hidden\"" };
        writeln!(
            out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Matrix of {0}\"><table class=\"matrix\">\
             <caption{visible}>{0}</caption><thead><tr><th scope=\"col\">interface",
            Text::line(&block.backends()),
        )?;
        for (t, target) in &block.targets {
            // What is particular to a target stands under what it has in common with its neighbours.
            let (name, rest) = match target.target.strip_prefix(&target.backend) {
                Some(rest) if !rest.is_empty() => (target.backend.as_str(), rest),
                _ if target.target.contains(&target.setup) => (target.target.as_str(), ""),
                _ => (target.target.as_str(), target.setup.as_str()),
            };
            writeln!(
                out,
                "<th scope=\"col\"><a href=\"#t{t}\">{}</a><small>{}</small>",
                Text::line(name),
                Text::line(rest),
            )?;
        }
        writeln!(out, "<tbody>")?;
        for interface in &block.interfaces {
            write!(out, "<tr><th scope=\"row\">{}", Text::line(interface))?;
            for (t, target) in &block.targets {
                let cell = Cell::of(target, interface);
                // An interface of which no case was selected is no trouble, and has nothing to lead to.
                let row = target
                    .interfaces
                    .iter()
                    .position(|summary| summary.interface == *interface && summary.counts.total() > 0);
                let class =
                    cell.outcome.filter(|_| row.is_some()).map_or("nothing", |outcome| outcome.word());
                match row {
                    Some(i) => write!(
                        out,
                        "<td class=\"{class}\"><a href=\"#t{t}i{i}\" title=\"{1}: {0}\" aria-label=\"{1}: {0}\">{2}</a>",
                        Text::line(&cell.text),
                        Text::line(&target.target),
                        cell.brief(),
                    )?,
                    None => write!(
                        out,
                        "<td class=\"{class}\" title=\"{0}\"><span aria-hidden=\"true\">{1}</span>\
                         <span class=\"visually-hidden\">{0}</span>",
                        cell.text,
                        cell.brief(),
                    )?,
                }
            }
            out.write_all(b"\n")?;
        }
        writeln!(out, "</table></div>")?;
    }
    let legend = legend(report, |o| format!("{} {}: {}", o.glyph(), o.label(), o.meaning()));
    writeln!(out, "<p class=\"faint legend\">{} · not declared.</p>\n</section>", Text::line(&legend))
}
