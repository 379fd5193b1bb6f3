"""A person without a mouse: Tab, Enter, Escape and arrows, and what they need to see on the way."""

from __future__ import annotations

from playwright.sync_api import Frame, Page

MARK = """(within) => {
  const root = document.querySelector(within);
  const stops = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const group = (one) => (one.type === "radio" ? `radio ${one.form?.id} ${one.name}` : one);
  const start = (one) => one.outerHTML.slice(0, 110);
  const ringed = (each) => {
    if (!each) return false;
    const look = getComputedStyle(each);
    return (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1) || look.boxShadow !== "none";
  };
  if (window.keyboard) removeEventListener("keydown", window.keyboard.leave, true);
  const keyboard = window.keyboard = { left: new Map(), unseen: [], first: null, last: null, again: false };
  keyboard.look = () => {
    const one = document.activeElement;
    if (!one || one === document.body || !one.closest(within)) return;
    // The parts of a date are stops of one field.
    keyboard.again ||= one === keyboard.first && one !== keyboard.last;
    keyboard.first ??= one;
    keyboard.last = one;
    keyboard.left.delete(group(one));
    const box = one.getBoundingClientRect();
    const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const shown = ringed(one) || ringed(one.closest("label")) || ringed(one.nextElementSibling);
    const stop = one.tabIndex >= 0; // a heading that was given the focus needs no ring
    if (stop && !shown) keyboard.unseen.push(`no ring: ${start(one)}`);
    if (!inView) keyboard.unseen.push(`out of view: ${start(one)}`);
  };
  keyboard.leave = ({ key }) => key === "Tab" && keyboard.look();
  addEventListener("keydown", keyboard.leave, true);
  for (const one of root.querySelectorAll(stops)) {
    const there = one.checkVisibility({ visibilityProperty: true }) && one.type !== "hidden";
    if (there && !one.disabled && one.tabIndex >= 0) keyboard.left.set(group(one), start(one));
  }
}"""
STEP = """async (settled) => {
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  if (settled) await frame().then(frame);
  keyboard.look();
  return [keyboard.left.size, keyboard.again];
}"""
LEFT = """[...keyboard.left]
  .filter(([one]) => !(one instanceof Element) || one.isConnected) // a part that was drawn anew meanwhile
  .map(([_one, text]) => `not reached: ${text}`)"""
MOST = 150

LANGUAGES = ("en", "et", "ro", "th", "ar")
WALKED = ("en", "ar")
"""Where every control is gone to by Tab: which of them there are is the same in all languages."""


def tab_to(page: Page, selector: str, frame: Frame | None = None) -> None:
    """Press Tab until what has the focus, in the page or in this frame of it, fits the selector."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if (frame or page).evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def troubles(page: Page, within: str = "body") -> list[str]:
    """Controls that Tab never reaches, and places where one does not see the focus."""
    # Some of what has the focus comes into view, or gets its ring, only when the page is drawn next:
    # who finds something in a hurry looks again with patience.
    return _walk(page, within, hurried=True) and _walk(page, within, hurried=False)


def _walk(page: Page, within: str, *, hurried: bool) -> list[str]:
    """Press Tab until every control was reached, or the first comes round again."""
    page.evaluate(MARK, within)
    left, again = page.evaluate(STEP, not hurried)
    pressed = 0
    while left and not again and pressed < MOST:
        for _ in range(left if hurried else 1):  # the page itself looks at what each further Tab leaves
            page.keyboard.press("Tab")
            pressed += 1
        left, again = page.evaluate(STEP, not hurried)
    found: list[str] = page.evaluate(LEFT)
    unseen: list[str] = page.evaluate("keyboard.unseen")
    return [*found, *unseen]


def walk(page: Page) -> list[str]:
    """`troubles` of a merchant's page, from its skip link on where it has one: past the navigation."""
    if not page.locator(".skip").count():
        return troubles(page)
    tab_to(page, ".skip")
    page.keyboard.press("Enter")
    return troubles(page, "main")


def focused(page: Page) -> str:
    """What has the focus, as its own HTML begins."""
    return str(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
