"""A person without a mouse: Tab, Enter, Escape and arrows, and what they need to see on the way."""

from __future__ import annotations

from playwright.sync_api import Frame, Page

MARK = """(within) => {
  const root = document.querySelector(within);
  const stops = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const group = (one) => (one.type === "radio" ? `radio ${one.form?.id} ${one.name}` : one);
  const start = (one) => one.outerHTML.slice(0, 110);
  window.keyboard = { left: new Map(), unseen: [], first: null, last: null, group, start };
  for (const one of root.querySelectorAll(stops)) {
    const there = one.checkVisibility({ visibilityProperty: true }) && one.type !== "hidden";
    if (there && !one.disabled && one.tabIndex >= 0) keyboard.left.set(group(one), start(one));
  }
}"""
STEP = """async (within) => {
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  await frame().then(frame); // the browser brings what has the focus into view when it draws next
  const one = document.activeElement;
  if (!one || one === document.body || !one.closest(within)) return [keyboard.left.size, false];
  const again = one === keyboard.first && one !== keyboard.last; // the parts of a date are stops of one field
  keyboard.first ??= one;
  keyboard.last = one;
  keyboard.left.delete(keyboard.group(one));
  const ringed = (each) => {
    if (!each) return false;
    const look = getComputedStyle(each);
    return (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1) || look.boxShadow !== "none";
  };
  const box = one.getBoundingClientRect();
  const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const shown = ringed(one) || ringed(one.closest("label")) || ringed(one.nextElementSibling);
  const stop = one.tabIndex >= 0; // a heading that was given the focus needs no ring
  if (stop && !shown) keyboard.unseen.push(`no ring: ${keyboard.start(one)}`);
  if (!inView) keyboard.unseen.push(`out of view: ${keyboard.start(one)}`);
  return [keyboard.left.size, again];
}"""
LEFT = """[...keyboard.left]
  .filter(([one]) => !(one instanceof Element) || one.isConnected) // a part that was drawn anew meanwhile
  .map(([_one, text]) => `not reached: ${text}`)"""
MOST = 150


def tab_to(page: Page, selector: str, frame: Frame | None = None) -> None:
    """Press Tab until what has the focus, in the page or in this frame of it, fits the selector."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if (frame or page).evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def troubles(page: Page, within: str = "body") -> list[str]:
    """Controls that Tab never reaches, and places where one does not see the focus."""
    page.evaluate(MARK, within)
    for _ in range(MOST):
        left, again = page.evaluate(STEP, within)
        if not left or again:
            break
        page.keyboard.press("Tab")
    found: list[str] = page.evaluate(LEFT)
    unseen: list[str] = page.evaluate("keyboard.unseen")
    return [*found, *unseen]


def focused(page: Page) -> str:
    """What has the focus, as its own HTML begins."""
    return str(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
