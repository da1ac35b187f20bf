//! x
#[test]
fn the_page_is_true() {
    course::check_page("docs/01-echo.md");
}
