/* Shows how far videos are, as the hub tells it. Without it the page is fetched anew every other
second. */

const MOST = 3; // Streams at a time: a browser opens six connections to a host, for all its tabs.

function follow(place) {
  const stream = new EventSource(place.dataset.live);
  stream.onmessage = ({ data }) => {
    const video = JSON.parse(data);
    if (!video.making) {
      stream.close();
      location.reload();
      return;
    }
    place.querySelector("progress").value = video.percent;
    place.querySelector("[data-stage]").textContent = video.stage;
    place.querySelector("[data-percent]").textContent = `${video.percent} %`;
  };
  addEventListener("pagehide", () => stream.close());
}

for (const place of [...document.querySelectorAll("[data-live]")].slice(0, MOST)) follow(place);
