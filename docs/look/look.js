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
        mermaid.initialize({ startOnLoad: false, theme: drawnDark ? "dark" : "default" });
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

    // An option such as -n must not be cut behind its hyphen. In a table there is less room.
    for (const code of document.querySelectorAll(":not(pre) > code")) {
        const most = code.closest("table") ? 10 : 24;
        if (code.textContent.length <= most) code.style.whiteSpace = "nowrap";
    }
})();
