//! The screen as a buffer of cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::column_chooser::chooser_lines;
use super::export_text::time_of_day;
use super::help_page::help_lines;
use super::screen_look::ScreenLook;
use super::table_drawing::{TableDrawing, cut, letters};
use super::top_cell::TopCell;
use super::top_model::{TopModel, TopOverlay};
use super::top_view::TopView;

/// Draws everything. The buffer begins at its upper left corner.
pub fn draw(model: &TopModel, buffer: &mut Buffer, look: ScreenLook) {
    let (width, height) = (usize::from(buffer.area.width), buffer.area.height);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    put(buffer, 0, &head_line(model), bold);
    put(buffer, 1, &tabs(model), Style::new());
    put(buffer, 2, &filter_text(model), Style::new());
    // Two lines stay below: what there is to say, and what can be done.
    let body = Rect { x: 0, y: 3, width: buffer.area.width, height: height.saturating_sub(5) };
    let mut left_out = 0;
    if let Some(page) = &model.page {
        put(buffer, body.y, &page.title(), bold);
        let lines = page.lines(width);
        for (line, text) in lines.iter().skip(page.first).take(usize::from(body.height.saturating_sub(1))).enumerate() {
            put(buffer, body.y + 1 + line as u16, text, look.row(false, model.away.is_some()));
        }
    } else {
        let drawing = TableDrawing::new(model.view, model.table(), width, model.now_ms);
        left_out = drawing.left_out();
        drawing.draw(buffer, body.y, body.height, look, model.away.is_some());
    }
    match &model.overlay {
        TopOverlay::Nothing => {}
        TopOverlay::Help => window(buffer, body, "keys", &help_lines()),
        TopOverlay::Columns(cursor) => window_at(
            buffer,
            body,
            "columns: Space shows or hides, Esc closes",
            &chooser_lines(model.view, model.table(), *cursor),
            *cursor,
        ),
        TopOverlay::Command(command) => {
            let lines: Vec<String> = textwrap::wrap(command, width.saturating_sub(4).max(1))
                .into_iter()
                .map(std::borrow::Cow::into_owned)
                .collect();
            window(buffer, body, "the command that prints this", &lines);
        }
    }
    let (notice, is_alarm) = notice(model);
    put(buffer, height.saturating_sub(2), &notice, if is_alarm { look.alarm() } else { Style::new() });
    put(buffer, height.saturating_sub(1), &last_line(model, left_out), look.row(false, true));
}

/// One line, cut to the width. Lines that the screen does not have are left out.
fn put(buffer: &mut Buffer, line: u16, text: &str, style: Style) {
    if line < buffer.area.height {
        let width = usize::from(buffer.area.width);
        buffer.set_stringn(0, line, cut(text, width), width, style);
    }
}

fn head_line(model: &TopModel) -> String {
    let head = &model.head;
    let mut parts = vec![format!("{} UTC", time_of_day(model.now_ms))];
    if head.servers > 0 {
        parts.push(format!("{}/{} serve", head.serving, head.servers));
        parts.push(format!("{} sessions", head.sessions));
        parts.push(format!("{} ops/s", TopCell::rate(head.operations).as_str()));
    }
    if head.open_incidents > 0 {
        parts.push(format!("open incidents: {}", head.open_incidents));
    }
    // What has no place on a narrow screen stands last.
    parts.push(model.admin.clone());
    if let Some(leader) = &head.leader {
        parts.push(format!("leader {}", TopCell::text(leader).as_str()));
    }
    parts.join("  ")
}

fn tabs(model: &TopModel) -> String {
    let tabs = TopView::ALL.iter().enumerate().map(|(place, view)| {
        let name = format!("{} {}", place + 1, view.label());
        if *view == model.view { format!("[{name}]") } else { format!(" {name} ") }
    });
    tabs.collect()
}

fn filter_text(model: &TopModel) -> String {
    if let Some(typed) = model.filter.typed() {
        return format!("filter: {}_", TopCell::text(typed).as_str());
    }
    let frozen = model.frozen_since_ms.map(|since_ms| format!("FROZEN at {}   ", time_of_day(since_ms)));
    let text = TopCell::text(model.filter.text());
    // What does not hold here is named: otherwise all rows would seem to fit it.
    let strange = model.filter.strange_to(model.view);
    let filter = match text.as_str() {
        "" => "filter: none".to_owned(),
        text if model.filter.is_off() => format!("filter off: {text}"),
        text if strange.is_empty() => format!("filter: {text}"),
        text => format!("filter: {text}   not in this view: {}", TopCell::text(&strange.to_string()).as_str()),
    };
    let marks = match (model.table().shows_only_marked(), model.table().marked()) {
        (_, 0) => String::new(),
        (true, marked) => format!("   only the {marked} marked"),
        (false, marked) => format!("   {marked} marked"),
    };
    frozen.unwrap_or_default() + &filter + &marks
}

/// What there is to say, and whether it is bad.
fn notice(model: &TopModel) -> (String, bool) {
    if let Some(away) = &model.away {
        let seconds = model.now_ms.saturating_sub(away.since_ms) / 1_000;
        let since = time_of_day(away.since_ms);
        return (format!("NO ANSWER since {since} ({seconds} s): {}", away.why), true);
    }
    if let Some(message) = &model.message {
        return (message.clone(), false);
    }
    if let Some(refusal) = &model.refusal {
        return (refusal.clone(), true);
    }
    (model.load_limits().filter(|_| model.page.is_none()).unwrap_or_default().to_owned(), false)
}

fn last_line(model: &TopModel, left_out: usize) -> String {
    let table = model.table();
    let mut parts = Vec::new();
    if model.page.is_some() {
        parts.push("Esc back".to_owned());
    } else {
        let rows = match (table.is_known, table.visible().len(), table.len()) {
            (false, ..) if model.away.is_some() => "nothing known".to_owned(),
            (false, ..) => "asking".to_owned(),
            (true, shown, all) if shown < all => format!("{shown} of {all} rows"),
            (true, 1, _) => "1 row".to_owned(),
            (true, shown, _) => format!("{shown} rows"),
        };
        parts.push(if table.more { format!("the first {rows}, there are more") } else { rows });
        let sorted = table.order.map(|(column, descending)| {
            let title = model.view.columns()[column].title;
            format!("by {title}, {} first", if descending { "largest" } else { "smallest" })
        });
        parts.extend(sorted);
        if left_out > 0 {
            let columns = if left_out == 1 { "column has" } else { "columns have" };
            parts.push(format!("{left_out} {columns} no place"));
        }
    }
    parts.push("? help".to_owned());
    parts.push("q quit".to_owned());
    parts.join("  ")
}

fn window(buffer: &mut Buffer, body: Rect, title: &str, lines: &[String]) {
    window_at(buffer, body, title, lines, 0);
}

/// Lines in a frame over the body; the line of the cursor is seen.
fn window_at(buffer: &mut Buffer, body: Rect, title: &str, lines: &[String], cursor: usize) {
    let widest = lines.iter().map(|line| letters(line)).chain([letters(title) + 2]).max().unwrap_or(0);
    let width = (widest + 4).min(usize::from(body.width));
    let height = (lines.len() + 2).min(usize::from(body.height));
    if width < 6 || height < 3 {
        return;
    }
    let inside = width - 4;
    let padded = |text: &str| format!("| {text}{} |", " ".repeat(inside.saturating_sub(letters(text))));
    let title = format!(" {} ", cut(title, inside.saturating_sub(2)));
    let bars =
        [format!("+-{title}{}-+", "-".repeat(inside - letters(&title))), format!("+{}+", "-".repeat(inside + 2))];
    // A list that is longer than the screen moves with its cursor.
    let first = (cursor + 3).saturating_sub(height);
    let seen = lines.iter().skip(first).take(height - 2).map(|line| padded(&cut(line, inside)));
    let [top, bottom] = bars;
    for (line, text) in std::iter::once(top).chain(seen).chain([bottom]).enumerate() {
        buffer.set_stringn(0, body.y + line as u16, text, width, Style::new());
    }
}

/// The screen as lines of text.
pub fn plain_text(model: &TopModel, width: u16, height: u16) -> String {
    let mut buffer = Buffer::empty(Rect { x: 0, y: 0, width, height });
    draw(model, &mut buffer, ScreenLook { colours: false });
    buffer_text(&buffer)
}

/// The letters of a buffer as lines, without blanks at their ends.
pub fn buffer_text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for line in 0..buffer.area.height {
        let mut letters_of_line = String::new();
        let mut column = 0;
        while column < buffer.area.width {
            let symbol = buffer[(column, line)].symbol();
            letters_of_line.push_str(symbol);
            // What takes two places is followed by an empty one.
            column += letters(symbol).max(1) as u16;
        }
        text.push_str(letters_of_line.trim_end());
        text.push('\n');
    }
    text
}
