/* Cuts a prompt with several turns into them: lines that begin with a speaker. */

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

/* {earlier, newest}: the newest turn is the last one with words, for a last "Assistant:" may be empty. */
export function splitTurns(text) {
    const turns = turnsOf(text);
    const isEmpty = (turn) => turn.replace(SPEAKER, '').trim() === '';
    let newest = turns.length - 1;
    while (newest > 0 && isEmpty(turns[newest])) {
        newest -= 1;
    }
    return { earlier: turns.slice(0, newest), newest: turns.slice(newest).join('') };
}
