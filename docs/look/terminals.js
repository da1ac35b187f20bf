// Shows what happens in several terminals as a table of them: one column for each, the blocks
// below each other in the order of time. look.css lays them out; on a phone they lie in one column.
// In each block what is typed is bold, and the copy button copies nothing else.
(() => {
    // As the replay reads a line (tests/src/replay/script.rs): a prompt is at most one word and "> ".
    const typed = (line) => line.match(/^(\$ |\S*> ?)(.*)$|^(\s*)(\^[CDZ])$/s);

    for (const code of document.querySelectorAll("pre > code.language-console")) {
        const lines = code.textContent.replace(/\n$/, "").split("\n");
        const input = [];
        code.replaceChildren();
        let goesOn = false; // the command has a backslash at its end
        for (const line of lines) {
            const found = goesOn ? [line, "", line] : typed(line);
            const text = found && (found[2] ?? found[4]);
            if (found) {
                const bold = document.createElement("b");
                bold.textContent = text;
                code.append(found[1] ?? found[3], bold, "\n");
                if (text && !/^\^[CDZ]$/.test(text)) input.push(text);
            } else {
                code.append(`${line}\n`);
            }
            goesOn = Boolean(found) && /\\$/.test(line);
        }
        const pre = code.parentElement;
        if (input.length > 0) {
            // mdBook's button copies the first code of the block; what is hidden it takes whole.
            const copied = document.createElement("code");
            copied.hidden = true;
            copied.className = "copied";
            copied.textContent = `${input.join("\n")}\n`;
            pre.prepend(copied);
        } else {
            pre.querySelector(".clip-button")?.remove();
        }
    }

    const label = (element) => {
        const name = element?.tagName === "P" && element.firstChild?.tagName === "STRONG"
            && element.firstChild.textContent.match(/^Terminal (\d)$/);
        const pre = name && element.nextElementSibling;
        return pre?.tagName === "PRE" ? Number(name[1]) : null;
    };
    const done = new Set();
    for (const first of document.querySelectorAll("main p")) {
        if (done.has(first) || label(first) === null) continue;
        const session = document.createElement("div");
        session.className = "session";
        first.before(session);
        const numbers = [];
        for (let next = first; label(next) !== null; next = session.nextElementSibling) {
            const block = document.createElement("div");
            block.className = "terminal";
            block.dataset.terminal = label(next);
            numbers.push(label(next));
            done.add(next);
            const pre = next.nextElementSibling;
            block.append(next, pre);
            session.append(block);
        }
        const columns = [...new Set(numbers)].sort();
        session.dataset.terminals = columns.length;
        for (const block of session.children) {
            const column = columns.indexOf(Number(block.dataset.terminal));
            block.style.setProperty("--terminals", columns.length);
            block.style.setProperty("--place", column / Math.max(columns.length - 1, 1));
        }
    }
})();
