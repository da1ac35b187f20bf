//! A page with transcripts, as the tests and `cargo course demo` read it. Nothing of it is run.
#![no_main]

use course::{Mode, Page, Replay};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let text = text.replace('\r', ""); // \r\n is read as \n, and written so
    let page = Page::from_text("page", &text);
    let whole = page.text();
    let again = Page::from_text("page", &whole);
    assert_eq!(again.text(), whole);

    let Ok(fences) = page.fences() else {
        assert!(page.sessions().is_err());
        return;
    };
    let mut end = 0;
    for fence in &fences {
        assert!(
            end < fence.lines.start,
            "the opening fence stands between them"
        );
        let content = page.lines(fence.lines.clone());
        assert!(!content.iter().any(|line| line.starts_with("```")));
        end = fence.lines.end + 1;
    }

    let Ok(sessions) = page.sessions() else {
        return;
    };
    let mut edits = Vec::new();
    for session in &sessions {
        assert!(!session.blocks.is_empty());
        for block in &session.blocks {
            let lines = block.start..block.start + block.lines.len();
            assert!(fences.iter().any(|fence| fence.lines == lines));
            assert_eq!(page.lines(lines.clone()), block.lines);
            edits.push((lines, block.lines.clone()));
        }
        let commands = session.commands().len();
        let lines = session.blocks.iter().flat_map(|block| &block.lines);
        assert_eq!(
            commands,
            lines.filter(|line| line.starts_with("$ ")).count()
        );
        Replay::new(&page, session, Mode::Check); // reads prompts and keys, and starts nothing
    }
    // In the page's order, as `replace` needs them.
    let mut same = again;
    same.replace(edits);
    assert_eq!(same.text(), whole);
});
