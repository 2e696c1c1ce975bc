/* Texts of one construct each, as long as asked: what makes readers of Markdown slow or deep. */

/* The part repeats; `before` comes once. */
const REPEATED = [
    'word ', 'a', '\n', ' ', '\t', '*', '*a', '**a ', '***a** ', '_', '_a ', '*a_ ', '*a* ', 'a**b', 'a** ', '`',
    '`a', '`a` ', '[', ']', '[]', '[a](b) ', '[a](', '[a](<b', '![', '[a]: b\n', '[a]: b\n[a]\n', '[a][b] ', '(',
    '[a](b "', '> ', '>', '> a\n', '>>>>>>>>>>>>>>>>>>>>>>>>>>>>>> a\n', 'a\n', '- ', '- a\n', '1. ', '1. a\n',
    '- a\n\n', '- a\n1. b\n', '-\n', '#', '# a\n', '# ', 'a\n=\n', '-', '- - ', '=', '---\n', '```\n',
    '```c\na\n```\n', '```a ', '~', '~~a~~ ', '~~a ', '~~~\n', '    a\n', '|c|d|\n', '|a', '|-', '|a|\n|-|\n', '|',
    '|\n', '<', '<b>', '<a b=', '<!--', '<?', '<![CDATA[', '<!A ', '<http://a', '<http://a> ', 'a@', 'http://a.b ',
    'www.', 'http://', '<p>\n', '<a ', '&amp;', '&', '&#x', '\\', '\\*', '\\(x\\)', '\\(', '\\[', '$$', '$$a',
    '- [ ] a\n', '\0', '\ud800', 'م ', '👨‍👩‍👧 ', 'e\u0301', 'a\r\n', 'a\r', 'a  \n', '[^a]: b\n',
    '*_`[<!&\\|$~#>-+1. \n', '* * a\n', '> - ', '[[a]', '![a](b) ', 'a b, c. ', '*[a](b)* ', '**a *b ', '\\(x\\) ',
    '\\[x\\]\n\n', '$$x$$ ', '\\(\\frac{', '\\(\\def\\a{\\a\\a}\\a\\)', '```js\nvar a\n```\n', '```cpp\nint a',
    '```cs\nfn ', '\\( `', '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '[a](javascript:alert(1)) ',
    '![a](https://example.org/a.png) ', '<https://example.org/> ', '<br>', '<style>*{display:none}</style>',
];

const repeat = (part, length) => part.repeat(Math.ceil(length / part.length)).slice(0, length);

function growing(part, length) {
    const parts = [];
    for (let i = 1, sum = 0; sum < length; i++) {
        parts.push(part(i));
        sum += parts.at(-1).length;
    }
    return parts.join('').slice(0, length);
}

/* [[name, text], …] */
export function hostileTexts(length) {
    return [
        ...REPEATED.map((part) => [part, repeat(part, length)]),
        ['code spans of all lengths', growing((i) => `${'`'.repeat(i)} `, length)],
        ['a deep list', growing((i) => `${' '.repeat(2 * i)}- a\n`, length)],
        ['a line of spaces', `a\n${repeat(' ', length)}b`],
        ['a heading of spaces', `# a${repeat(' ', length)}b`],
        ['a fence with a long line', `\`\`\`${repeat(' ', length)}`],
        ['a table with many rows', `|a|b|\n|-|-|\n${repeat('|c|d|\n', length)}`],
        ['a table with many columns', `${repeat('|a', length / 2)}|\n${repeat('|-', length / 2)}|\n`],
        ['lazy lines', `${'> '.repeat(100)}${repeat('a\n', length)}`],
        ['one link', `[${repeat('a', length)}](b)`],
    ];
}
