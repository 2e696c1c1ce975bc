/* A clock for the time that a pair was on view: it stands still while the page is hidden. */

export class Stopwatch {
    #before = 0;
    #since = null;

    start(isHidden) {
        this.#before = 0;
        this.#since = isHidden ? null : performance.now();
    }

    setHidden(isHidden) {
        this.#before = this.milliseconds;
        this.#since = isHidden ? null : performance.now();
    }

    get milliseconds() {
        return this.#before + (this.#since === null ? 0 : performance.now() - this.#since);
    }
}
