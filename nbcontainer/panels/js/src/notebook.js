// What a page lets a widget do with its notebook.

// Puts a line into a new cell below the one that `el` is in; false where the page has no way to.
export function addCell(model, el, line) {
  const shared = model.widget_manager?.context?.model?.sharedModel;
  if (!shared?.insertCell) return false;
  const cell = el.closest(".jp-Cell");
  const all = [...(cell?.parentElement?.querySelectorAll(":scope > .jp-Cell") ?? [])];
  const at = all.indexOf(cell);
  shared.insertCell(at < 0 ? shared.cells.length : at + 1, {
    cell_type: "code",
    source: line,
    metadata: {},
    outputs: [],
    execution_count: null,
  });
  return true;
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // a page without https has no clipboard
  }
}

// Calls `lost` when the notebook kernel behind the widget ends or is started anew: the widget's other end is
// gone then, and comes back no more.  Returns what ends the watch.
export function watchKernel(model, lost) {
  const session = model.widget_manager?.context?.sessionContext;
  const id = session?.session?.kernel?.id;
  if (!id) return () => {};
  const look = () => {
    const kernel = session.session?.kernel;
    const over = !kernel || kernel.id !== id || ["dead", "terminating", "restarting", "autorestarting"].includes(kernel.status);
    if (over) lost();
  };
  const signals = [session.statusChanged, session.connectionStatusChanged, session.kernelChanged];
  for (const signal of signals) signal?.connect(look);
  return () => signals.forEach((signal) => signal?.disconnect(look));
}
