//! Fits a page into a number of bytes, the most important parts first, and says what it left out.

/// A part of the page: `heading`, `items`, `tail`, in that order. Items are left out from the last on; a section of
/// which no item fits is left out whole.
#[derive(Debug)]
pub(super) struct Section {
    /// The lower, the more important.
    pub(super) rank: u8,
    /// What the items are, in the plural, for the note on what was left out.
    pub(super) noun: &'static str,
    pub(super) heading: String,
    pub(super) items: Vec<String>,
    pub(super) tail: String,
}

impl Section {
    fn frame(&self) -> usize {
        self.heading.len() + self.tail.len()
    }
}

/// The page in at most `budget` bytes. `heads` are ways to begin it, longest first; only where not even the last one
/// fits with the note, the page is the longest of them that fits alone, or empty.
pub(super) fn fit(heads: &[String], sections: &[Section], budget: usize) -> String {
    let all: Vec<usize> = sections.iter().map(|section| section.items.len()).collect();
    let Some(whole) = heads.first().map(|head| assemble(head, sections, &all, "")) else {
        return String::new();
    };
    if whole.len() <= budget {
        return whole;
    }
    // The note is never longer than when everything is left out, so that much is set aside.
    let longest_note = note(sections, &vec![0; sections.len()], budget);
    let Some(head) = heads.iter().find(|head| head.len() + longest_note.len() <= budget) else {
        return heads.iter().find(|head| head.len() <= budget).cloned().unwrap_or_default();
    };
    let mut left = budget - head.len() - longest_note.len();
    let mut kept = vec![0; sections.len()];
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|&index| sections[index].rank);
    for index in order {
        let section = &sections[index];
        let Some(first) = section.items.first() else { continue };
        if section.frame() + first.len() > left {
            continue;
        }
        left -= section.frame();
        for item in section.items.iter().take_while(|item| {
            let fits = item.len() <= left;
            left -= if fits { item.len() } else { 0 };
            fits
        }) {
            debug_assert!(!item.is_empty(), "an empty item says nothing");
            kept[index] += 1;
        }
    }
    assemble(head, sections, &kept, &note(sections, &kept, budget))
}

fn assemble(head: &str, sections: &[Section], kept: &[usize], note: &str) -> String {
    let mut page = head.to_owned();
    for (section, &kept) in sections.iter().zip(kept).filter(|(_, kept)| **kept > 0) {
        page.push_str(&section.heading);
        section.items[..kept].iter().for_each(|item| page.push_str(item));
        page.push_str(&section.tail);
    }
    page.push_str(note);
    page
}

fn note(sections: &[Section], kept: &[usize], budget: usize) -> String {
    let parts: Vec<String> = sections
        .iter()
        .zip(kept)
        .filter(|(section, kept)| **kept < section.items.len())
        .map(|(section, kept)| {
            format!("{} of {} {}", section.items.len() - kept, section.items.len(), section.noun)
        })
        .collect();
    format!(
        "\n> Left out to stay within {budget} bytes: {}. `report.json` has everything.\n",
        parts.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> Vec<Section> {
        let section = |rank, noun, count: usize| Section {
            rank,
            noun,
            heading: format!("\n## {noun}\n"),
            items: (0..count).map(|n| format!("- {noun} {n} é\n")).collect(),
            tail: "\nend\n".to_owned(),
        };
        vec![section(2, "apples", 12), section(1, "pears", 3), section(3, "plums", 0)]
    }

    #[test]
    fn no_budget_is_exceeded_and_none_is_wasted() {
        let heads = ["a long beginning\n".to_owned(), "short\n".to_owned()];
        let whole = fit(&heads, &sections(), usize::MAX);
        assert!(!whole.contains("Left out") && whole.contains("apples 11") && !whole.contains("plums"));
        let mut before = 0;
        for budget in 0..whole.len() {
            let page = fit(&heads, &sections(), budget);
            assert!(page.len() <= budget, "{} bytes where {budget} are allowed", page.len());
            assert!(page.len() + 80 >= before, "a larger budget of {budget} gave a much shorter page");
            before = page.len();
            if page.contains("## ") {
                let shown = |noun: &str| page.matches(&format!("- {noun} ")).count();
                let (apples, pears) = (12 - shown("apples"), 3 - shown("pears"));
                assert!(apples == 0 || page.contains(&format!("{apples} of 12 apples")), "{page}");
                assert!(pears == 0 || page.contains(&format!("{pears} of 3 pears")), "{page}");
                assert!(apples + pears > 0 && page.contains("Left out"), "{page}");
            }
        }
        assert_eq!(fit(&heads, &sections(), whole.len()), whole);
        assert_eq!(fit(&heads, &sections(), 6), "short\n");
        assert_eq!(fit(&heads, &sections(), 5), "");
    }

    #[test]
    fn the_more_important_section_comes_first() {
        let heads = ["h\n".to_owned()];
        let all = sections();
        let room_for = |section: &Section| section.frame() + section.items[0].len();
        let note = note(&all, &[0; 3], 100).len();
        // Room for the first item of either section, not of both.
        let page = fit(&heads, &all, heads[0].len() + note + room_for(&all[0]).max(room_for(&all[1])));
        assert!(page.contains("pears 0") && !page.contains("apples 0"), "{page}");
    }
}
