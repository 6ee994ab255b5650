// Keeps the page of a running prediction current. The server renders; this script reads the page
// again when the stream tells of something, or after a while, and takes over what has changed.
"use strict";

(() => {
  const AFTER_EVENT_MS = 300;
  const IDLE_MS = 2000;
  const LONGEST_MS = 15000;

  const offerCopying = () => {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("button[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
      });
    }
  };

  // A document from a request runs no script and is no string that could become markup.
  const readAgain = () =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("GET", location.pathname);
      request.responseType = "document";
      request.timeout = LONGEST_MS;
      request.onload = () =>
        request.status === 200 ? resolve(request.response) : reject(new Error(request.status));
      request.onerror = request.ontimeout = () => reject(new Error("no answer"));
      request.send();
    });

  // Small pictures of what a run is going to give, in front of the output. Only a page that can be
  // seen looks: the model draws them for nobody else.
  const showPreviews = (main) => {
    const canvas = document.createElement("canvas");
    let source = null;
    let over = !main.dataset.previews;

    const draw = (event) => {
      const { width, height, rgb } = JSON.parse(event.data);
      const bytes = atob(rgb);
      const image = new ImageData(width, height);
      for (let from = 0, to = 0; from < bytes.length; to += 4) {
        for (let channel = 0; channel < 3; channel += 1, from += 1) {
          image.data[to + channel] = bytes.charCodeAt(from);
        }
        image.data[to + 3] = 255;
      }
      canvas.width = width;
      canvas.height = height;
      canvas.getContext("2d").putImageData(image, 0, 0);
      if (!canvas.isConnected) main.querySelector("[data-part=output]").before(canvas);
    };

    const turn = () => {
      if (document.hidden || over) {
        source?.close();
        source = null;
      } else if (source === null) {
        source = new EventSource(main.dataset.previews);
        source.addEventListener("preview", draw);
        source.addEventListener("done", stopLooking);
      }
    };

    const stopLooking = () => {
      over = true;
      turn();
    };

    canvas.className = "preview";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Preview of the output");
    document.addEventListener("visibilitychange", turn);
    turn();
    return () => {
      stopLooking();
      canvas.remove();
    };
  };

  const partsOf = (page) => new Map(
    [...page.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));

  const follow = (main) => {
    const parts = partsOf(document);
    const served = new Map([...parts].map(([name, part]) => [name, part.innerHTML]));
    const stale = document.getElementById("stale");
    let timer = 0;
    let failures = 0;
    let reading = false;
    let again = false;
    let stream = null;
    const endPreviews = showPreviews(main);

    const takeOver = (page) => {
      for (const [name, fresh] of partsOf(page)) {
        if (!parts.has(name) || served.get(name) === fresh.innerHTML) continue;
        served.set(name, fresh.innerHTML);
        replace(parts.get(name), fresh);
      }
      document.title = page.title;
    };

    const schedule = (delay) => {
      clearTimeout(timer);
      timer = setTimeout(turn, delay);
    };

    const turn = async () => {
      again = reading;
      if (reading) return;
      reading = true;
      try {
        const page = await readAgain();
        takeOver(page);
        failures = 0;
        if (!page.querySelector("main[data-live]")) return end();
      } catch {
        failures += 1;
      } finally {
        reading = false;
      }
      stale.hidden = failures === 0;
      schedule(again ? AFTER_EVENT_MS : Math.min(IDLE_MS * 2 ** failures, LONGEST_MS));
    };

    const end = () => {
      clearTimeout(timer);
      stale.hidden = true;
      stream?.close();
      endPreviews();
      main.removeAttribute("data-live");
    };

    if (main.dataset.stream) {
      stream = new EventSource(main.dataset.stream);
      let due = 0;
      const soon = () => {
        const now = Date.now();
        if (now < due) return;
        due = now + AFTER_EVENT_MS;
        schedule(AFTER_EVENT_MS);
      };
      for (const name of ["output", "logs"]) stream.addEventListener(name, soon);
      stream.addEventListener("done", () => {
        stream.close();
        schedule(0);
      });
      // The stream's own `error` event shares its name with a lost connection: reading tells.
      stream.addEventListener("error", soon);
    }
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && main.hasAttribute("data-live")) schedule(0);
    });
    const log = document.querySelector(".log");
    if (log) log.scrollTop = log.scrollHeight;
    schedule(IDLE_MS / 2);
  };

  const replace = (part, fresh) => {
    const log = part.querySelector(".log");
    const top = log?.scrollTop;
    const atEnd = !log || top + log.clientHeight >= log.scrollHeight - 8;
    part.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
    const after = part.querySelector(".log");
    if (after) after.scrollTop = atEnd ? after.scrollHeight : top;
  };

  offerCopying();
  const main = document.querySelector("main[data-live]");
  if (main) follow(main);
})();
