// Makes the whole book fit for paper, and draws the diagrams in the colours of the theme, and draws them again when the theme changes.
(() => {
    // Nothing is folded on paper. print.html is the whole book, with light diagrams and a list of
    // what is in it.
    const unfold = () => {
        for (const answer of document.querySelectorAll("details")) answer.open = true;
    };
    window.addEventListener("beforeprint", unfold);
    if (/\/print\.html$/.test(location.pathname)) {
        unfold();
        document.documentElement.classList.remove("ayu", "coal", "navy", "rust");
        document.documentElement.classList.add("light");
        const contents = document.createElement("nav");
        contents.id = "contents";
        const heading = document.createElement("h2");
        heading.textContent = "Contents";
        const list = document.createElement("ol");
        for (const title of document.querySelectorAll("main h1[id]")) {
            const link = document.createElement("a");
            link.href = `#${title.id}`;
            link.textContent = title.textContent;
            const item = document.createElement("li");
            item.append(link);
            list.append(item);
        }
        contents.append(heading, list);
        document.querySelector("main").prepend(contents);
    }

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

    // RFCs and what is in std lead to their pages, the first time that they are named. (The links
    // are all that needs a network.) On GitHub the names are as good as a search.
    const rfc = /\bRFC (\d{3,5})\b/;
    const linked = new Set();
    const link = (node, text, to) => {
        if (linked.has(to)) return;
        linked.add(to);
        const anchor = document.createElement("a");
        anchor.href = to;
        node.replaceWith(anchor);
        anchor.append(text ?? node);
    };
    const inside = "a, pre, h1, h2, h3, h4, summary, svg, #contents";
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (let text of texts) {
        if (text.parentElement.closest(`${inside}, code`)) continue;
        for (let found = rfc.exec(text.data); found; found = rfc.exec(text.data)) {
            const named = text.splitText(found.index);
            text = named.splitText(found[0].length);
            link(named, null, `https://www.rfc-editor.org/rfc/rfc${found[1]}`);
        }
    }
    const std = "https://doc.rust-lang.org/std/";
    const places = {
        TcpListener: "net/struct.TcpListener.html",
        TcpStream: "net/struct.TcpStream.html",
        UdpSocket: "net/struct.UdpSocket.html",
        SocketAddr: "net/enum.SocketAddr.html",
        "Shutdown::Write": "net/enum.Shutdown.html",
        connect_timeout: "net/struct.TcpStream.html#method.connect_timeout",
        set_read_timeout: "net/struct.TcpStream.html#method.set_read_timeout",
        set_write_timeout: "net/struct.TcpStream.html#method.set_write_timeout",
        set_nodelay: "net/struct.TcpStream.html#method.set_nodelay",
        try_clone: "net/struct.TcpStream.html#method.try_clone",
        recv_from: "net/struct.UdpSocket.html#method.recv_from",
        send_to: "net/struct.UdpSocket.html#method.send_to",
        accept: "net/struct.TcpListener.html#method.accept",
        write_all: "io/trait.Write.html#method.write_all",
        read_exact: "io/trait.Read.html#method.read_exact",
        read_to_end: "io/trait.Read.html#method.read_to_end",
        BufReader: "io/struct.BufReader.html",
        BufWriter: "io/struct.BufWriter.html",
        ErrorKind: "io/enum.ErrorKind.html",
        Instant: "time/struct.Instant.html",
        SystemTime: "time/struct.SystemTime.html",
        "thread::spawn": "thread/fn.spawn.html",
        "thread::scope": "thread/fn.scope.html",
        sync_channel: "sync/mpsc/fn.sync_channel.html",
        Mutex: "sync/struct.Mutex.html",
        create_new: "fs/struct.OpenOptions.html#method.create_new",
    };
    for (const code of document.querySelectorAll("main :not(pre) > code")) {
        const name = code.textContent.replace(/\(.*\)$/, "").replace(/^(TcpStream|UdpSocket|TcpListener)::/, "");
        let place = Object.hasOwn(places, name) ? places[name] : null;
        if (/\/0[34]-/.test(location.pathname)) place = place?.replace("TcpStream.html#", "UdpSocket.html#");
        if (place && !code.closest(`${inside}, table`)) link(code, null, std + place);
    }

    // An excerpt names its file; the book has a copy of the whole (tests/book/index.mjs).
    for (const code of document.querySelectorAll("pre > code")) {
        const path = [...code.classList].find((name) => /^(lessons|shared|tests)\/.*\.\w+$/.test(name));
        if (!path) continue;
        const caption = document.createElement("p");
        caption.className = "source";
        const anchor = document.createElement("a");
        anchor.href = `source/${path}.txt`;
        anchor.textContent = path;
        caption.append(anchor);
        const block = code.closest("pre.playground") ?? code.parentElement;
        block.before(caption);
    }

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
