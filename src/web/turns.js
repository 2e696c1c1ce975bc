/* Cuts a prompt with several turns into them: lines that begin with a speaker, or a JSON list. */

/* "Human: …", "User: …", "### Assistant: …", "**User:** …". */
const SPEAKER = /^(?:#{1,6} )?(?:\*\*)?(?:human|user|assistant|system|prompter|ai|bot)(?:\*\*)?:/i;

/* The turns in order; one if the text names no speakers. Joined again they are the text. */
export function turnsOf(text) {
    const turns = [];
    for (const line of text.split(/(?<=\n)/)) {
        if (turns.length === 0 || SPEAKER.test(line.slice(0, 40))) {
            turns.push([line]);
        } else {
            turns.at(-1).push(line);
        }
    }
    return turns.map((lines) => lines.join(''));
}

/* The turns of a prompt that is a JSON list of {"role", "content"}, as an import keeps it; or null. */
function turnsOfList(text) {
    if (!text.startsWith('[{')) {
        return null;
    }
    try {
        const list = JSON.parse(text);
        const isTurn = ({ role, content }) => typeof role === 'string' && typeof content === 'string';
        return list.every(isTurn)
            ? list.map(({ role, content }) => `${role.charAt(0).toUpperCase()}${role.slice(1)}: ${content}\n\n`)
            : null;
    } catch {
        return null;
    }
}

/* {earlier, newest}: the newest turn is the last one with words, for a last "Assistant:" may be empty. */
export function splitTurns(text) {
    const turns = turnsOfList(text) ?? turnsOf(text);
    const isEmpty = (turn) => turn.replace(SPEAKER, '').trim() === '';
    let newest = turns.length - 1;
    while (newest > 0 && isEmpty(turns[newest])) {
        newest -= 1;
    }
    return { earlier: turns.slice(0, newest), newest: turns.slice(newest).join('') };
}
