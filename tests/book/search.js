// Searches the book as its readers write: a term may stand anywhere in a word (粘包 has no spaces
// around it), TIME_WAIT is TIME-WAIT, and a lesson comes before the glossary. mdBook's own search
// asks an index of stems that knows no Chinese; this answers in its place, from the same texts.
(() => {
    if (!window.elasticlunr) return;
    const plain = (text) => text.normalize("NFKC").toLowerCase().replace(/[\s_\-\u2010-\u2015]+/g, " ");
    const common = new Set("a an and are at by can do does for from has have how i in is it my not of on or so that the this to what when where which who why with you your".split(" "));

    const search = (sections, urls, question) => {
        const asked = plain(question).replace(/[?!,;"“”]|\.(?= |$)/g, " ").split(" ").filter(Boolean);
        const rare = asked.filter((word) => !common.has(word));
        const words = rare.length > 0 ? rare : asked;
        const phrase = words.join(" ");
        const found = [];
        for (const section of sections) {
            const { title, body, crumbs, doc } = section;
            let score = 0;
            let matched = 0;
            let first = -1;
            // The end of a word may differ: "closing" is also sought as "clos".
            for (const word of words) {
                const stem = /^[a-z]{6,}$/.test(word) ? word.replace(/(ing|ed|es|s|e)$/, "") : word;
                const times = body.split(stem).length - 1;
                const inTitle = title.includes(stem);
                if (times === 0 && !inTitle && !crumbs.includes(stem)) continue;
                matched += 1;
                score += Math.min(times, 5) + (inTitle ? 12 : 0);
                if (times > 0 && first < 0) first = body.indexOf(stem);
            }
            if (matched === 0) continue;
            if (words.length > 1 && body.includes(phrase)) {
                score += 10;
                first = body.indexOf(phrase);
            }
            const url = urls[doc.id];
            if (/^\d\d-/.test(url)) score += 4;
            if (/^glossary\b/.test(url)) score -= 1000; // after whatever teaches the term
            found.push({ matched, score, first, section });
        }
        const most = Math.max(...found.map((one) => one.matched), 0);
        const best = found.filter((one) => one.matched === most);
        best.sort((a, b) => b.score - a.score);
        return best.map(({ section: { doc }, first, score }) => {
            // The searcher shows the first thirty words where it finds no word that begins so.
            const begin = first < 40 ? 0 : doc.body.lastIndexOf(" ", first - 30) + 1;
            return { ref: doc.id, score, doc: { ...doc, body: doc.body.slice(begin, begin + 260) } };
        });
    };

    elasticlunr.Index.load = (index) => {
        const urls = window.search.doc_urls;
        const docs = Object.values(index.documentStore.docs);
        const sections = docs.map((doc) => ({
            doc,
            title: plain(doc.title),
            body: plain(doc.body),
            crumbs: plain(doc.breadcrumbs),
        }));
        return { search: (question) => search(sections, urls, question) };
    };
})();
