curl -sS --fail-with-body http://localhost:8000/v1/webhooks \
  -H "Authorization: Bearer $MUTOSCOPE_API_KEY" -H "Content-Type: application/json" \
  --data '{"url": "https://example.com/hook", "events": ["video.completed", "video.failed"]}'
