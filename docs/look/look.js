// Draws the diagrams in the colours of the theme, and draws them again when the theme changes.
(() => {
    const blocks = [...document.querySelectorAll("pre.mermaid")];
    const sources = blocks.map((block) => block.textContent);
    const isDark = () =>
        ["ayu", "coal", "navy"].some((theme) => document.documentElement.classList.contains(theme));

    let drawnDark;
    const draw = async () => {
        if (isDark() === drawnDark) return;
        drawnDark = isDark();
        const theme = drawnDark ? "dark" : "default";
        // Mermaid's own grey on grey is hard to read.
        const themeVariables = drawnDark
            ? { edgeLabelBackground: "#2c313c", noteBkgColor: "#3b4252", noteTextColor: "#eee" }
            : {};
        mermaid.initialize({ startOnLoad: false, theme, themeVariables });
        blocks.forEach((block, i) => {
            block.removeAttribute("data-processed");
            block.textContent = sources[i];
        });
        await mermaid.run({ nodes: blocks });
        for (const svg of document.querySelectorAll("pre.mermaid svg")) {
            // Mermaid says how wide the diagram is when its letters are as large as the text's.
            svg.style.minWidth = `${0.6 * parseFloat(svg.style.maxWidth)}px`;
        }
    };
    draw();
    new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["class"] });

    // A word of code stays whole: --nodelay must not be cut behind a hyphen. A path may be cut
    // behind a slash, a long row of calls before a dot, a call with a long name behind its bracket.
    for (const code of document.querySelectorAll(":not(pre) > code")) {
        if (code.childElementCount > 0) continue;
        const words = code.textContent.split(/(\s+)/);
        code.replaceChildren();
        for (const word of words) {
            if (!word.trim()) {
                code.append(word);
                continue;
            }
            for (const piece of word.split(/(?<=\/)|(?<=.{10})(?=\.\w+\()|(?<=\w{20}\()/)) {
                const whole = document.createElement("span");
                whole.style.whiteSpace = "nowrap";
                whole.textContent = piece;
                code.append(whole, document.createElement("wbr"));
            }
            code.lastChild.remove(); // the end of a word is no place to cut: a full stop may follow
        }
    }
})();
